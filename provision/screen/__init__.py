"""What a person sees while something goes on."""
