"""A real Slurm with one node, this machine, of Debian's packages; beside any other Slurm there may be.

Needs root. Its CPUs, memory and GPUs are pretended, memory is watched by polling; there are no cgroups.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "srun")
CONFIGURATION = """
ClusterName=trajcast
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
DefMemPerCPU=500
ReturnToService=2
EnforcePartLimits=ALL
KillWait=20
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
MinJobAge=86400
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/finished_jobs
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 Boards=1 SocketsPerBoard=1 CoresPerSocket=16 RealMemory=64000 Gres=gpu:8
PartitionName=cpu Nodes={host} Default=YES MaxTime=24:00:00 PriorityTier=10 PreemptMode=OFF
PartitionName=gpu Nodes={host} MaxTime=24:00:00 PriorityTier=10 PreemptMode=OFF
PartitionName=spare Nodes={host} MaxTime=24:00:00 PriorityTier=1 PreemptMode=REQUEUE GraceTime=0
"""


def missing() -> str | None:
    """Why no Slurm can be started here; None where it can."""
    if os.getuid() != 0:
        return "Slurm's daemons need root"
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)} (Debian: slurmctld slurmd slurm-client munge)" if absent else None


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Start the daemons, all files in `folder`, point this process's Slurm commands at them, stop them at the end."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    host = socket.gethostname().split(".")[0]
    ports = dict(zip(("controller_port", "node_port"), _free_ports(2), strict=True))
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, host=host, **ports))
    for gpu in range(8):  # the null device by other names
        os.mknod(folder / f"nvidia{gpu}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (folder / "gres.conf").write_text(f"Name=gpu File={folder}/nvidia[0-7]\n")
    srun = folder / "bin/srun"  # for the executor inside of jobs, which removes SLURM_CONF from its environment
    srun.parent.mkdir()
    srun.write_text(f'#!/bin/sh\nSLURM_CONF="{folder}/slurm.conf" exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    key = folder / "munge.key"
    key.touch(mode=0o400)
    key.write_bytes(os.urandom(1024))
    before = os.environ.copy()
    os.environ.update(SLURM_CONF=str(folder / "slurm.conf"), PATH=f"{srun.parent}{os.pathsep}{before['PATH']}")
    try:
        _start(
            "munged", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket",
            f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge.seed",
        )  # fmt: skip
        _start("slurmctld", "-f", str(folder / "slurm.conf"))
        _until(lambda: "UP" in ask("scontrol", "ping"), "slurmctld")
        _start("slurmd", "-f", str(folder / "slurm.conf"))
        _until(lambda: "idle" in ask("sinfo", "--noheader", "--Node", "--format", "%T"), "slurmd")
        yield
    finally:
        ask("scancel", "--me")
        for name in ("slurmd", "slurmctld", "munged"):
            _stop(folder / f"{name}.pid")
        os.environ.clear()
        os.environ.update(before)


def ask(*command: str) -> str:
    """What a Slurm command answers; empty where it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _start(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _until(ready: Callable[[], bool], name: str) -> None:
    given_up = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < given_up, f"{name} does not answer"
        time.sleep(0.2)


def _stop(pid_file: Path) -> None:
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    os.kill(pid, 15)
    for _ in range(300):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
