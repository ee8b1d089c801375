package = "loadcaffe"
version = "1.0-0"
description = { summary = "A stand-in for loadcaffe" }
