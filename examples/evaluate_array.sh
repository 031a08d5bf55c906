#!/bin/sh
#SBATCH --job-name=sealquant
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
# Evaluates the requests of a client as an array of Slurm jobs: each takes every 16th request. A job that is started again
# skips what it has done. Submit it in the folder that holds deploy, requests and evaluation.keys.
set -eu
exec sealquant evaluate --server deploy/server --keys evaluation.keys --requests requests --out responses \
    --part "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --threads "$SLURM_CPUS_PER_TASK"
