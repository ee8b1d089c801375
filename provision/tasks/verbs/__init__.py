"""One verb a file, which has its name: dataset_get.py is `fab dataset-get`."""
