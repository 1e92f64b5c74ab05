#!/bin/bash
# A search on the nodes of a Slurm job, which goes on in the next job where its time ends:
#
#   sbatch docs/cluster/slurm.sh search_spaces/distill.yaml --trials 200
#
# The environment with slr-tune is that of the shell that calls sbatch. The folder of the command and
# the studies folder (SLR_TUNE_STUDIES, or studies in that folder) must be on a shared file system.
#SBATCH --job-name=slr-tune
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-node=1
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu

# Ray runs what it is sent: a token of this job's own keeps other users of the network out.
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token RAY_process_group_cleanup_enabled=1
# This script runs on the job's first node. Where it has several networks, name the address.
HEAD=${SLR_TUNE_HEAD_IP:-$(hostname -I | cut -d' ' -f1)}
PORT=${SLR_TUNE_PORT:-$((20000 + SLURM_JOB_ID % 10000))}
export HEAD PORT

# One task on each node. Those that are up before the first one try again.
srun --ntasks-per-node=1 bash -c '
    folder=$(mktemp -d /tmp/slr-tune-ray-XXXXXX)
    trap "rm -rf $folder" EXIT
    node() {
        ray start "$@" --num-cpus="${SLURM_CPUS_PER_TASK:-1}" --num-gpus="${SLURM_GPUS_ON_NODE:-0}" \
            --temp-dir="$folder/ray" --disable-usage-stats --block
    }
    if [ "$SLURM_PROCID" = 0 ]; then
        node --head --node-ip-address="$HEAD" --port="$PORT" --include-dashboard=false
    else
        until node --address="$HEAD:$PORT"; do sleep 2; done
    fi
' &
ray=$!
until (exec 3<> "/dev/tcp/$HEAD/$PORT") 2> /dev/null; do
    kill -0 "$ray" || exit 1
    sleep 1
done

slr-tune run "$@" --address "$HEAD:$PORT" &
driver=$!
stopped=no
trap 'stopped=yes; kill -TERM "$driver"' TERM
code=0
wait "$driver" || code=$?
if [ "$stopped" = yes ]; then # the signal ended the first wait; what is done is being stored
    code=0
    wait "$driver" || code=$?
    [ "$code" = 0 ] || scontrol requeue "$SLURM_JOB_ID"
fi
kill "$ray" 2> /dev/null || true
exit "$code"
