"""The process around the application: gunicorn's worker, the work in the background, what is shown at the start."""
