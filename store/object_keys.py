"""Where the store keeps what belongs to a job or a dataset."""


def dataset_prefix(dataset_id: str) -> str:
    """Everything that the store keeps of a dataset."""
    return f"datasets/{dataset_id}"


def job_prefix(job_id: str) -> str:
    """Everything that the store keeps of a job."""
    return f"jobs/{job_id}"


def work_prefix(job_id: str) -> str:
    """Unfinished work of a job, of all its attempts."""
    return f"jobs/{job_id}/work"


def work_key(job_id: str, name: str) -> str:
    """One piece of unfinished work."""
    return f"{work_prefix(job_id)}/{name}"
