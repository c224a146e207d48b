"""A sweep as Slurm jobs: the scripts, their submission and what the queue says of them."""
