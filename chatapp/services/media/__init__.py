"""Files: uploading, checking, what messages they are in, serving and erasing."""
