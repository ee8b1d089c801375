"""Fetch a data set onto the job volume: from web servers, from S3, or what was uploaded; unpacked while it arrives."""
