"""Clips in remote storage, read in place through fsspec: the Hugging Face hub, S3, Google Cloud Storage, HTTP."""
