"""Build a data set of small square pictures for DIGITS and Caffe."""
