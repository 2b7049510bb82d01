"""Keys in the object store. Everything of a dataset or a job lies under one prefix, so that one call deletes it all."""


def dataset_prefix(dataset_id: str) -> str:
    """Return the prefix of all files of a dataset."""
    return f"datasets/{dataset_id}"


def upload_key(dataset_id: str) -> str:
    """Return the key of a dataset's upload, the file as it was received."""
    return f"{dataset_prefix(dataset_id)}/upload"


def job_prefix(job_id: str) -> str:
    """Return the prefix of all files of a job."""
    return f"jobs/{job_id}"


def result_prefix(job_id: str, attempt: int) -> str:
    """Return the prefix of the results of one attempt. No two attempts share one, so neither overwrites the other's.

    Args:
        job_id: the job.
        attempt: the number of the claim, from 1.
    """
    return f"{job_prefix(job_id)}/results/{attempt}"


def early_prefix(job_id: str) -> str:
    """Return the prefix of the archives of a job that are offered before its evidence is measured."""
    return f"{job_prefix(job_id)}/early"


def early_archive_key(job_id: str, attempt: int) -> str:
    """Return the key of the archive that one attempt offers before the evidence is measured.

    Args:
        job_id: the job.
        attempt: the number of the claim, from 1.
    """
    return f"{early_prefix(job_id)}/{attempt}/archive.zip"


def checkpoint_prefix(job_id: str) -> str:
    """Return the prefix of the checkpoints of a job, of all its attempts."""
    return f"{job_prefix(job_id)}/work"


def checkpoint_key(job_id: str, name: str) -> str:
    """Return the key of one checkpoint.

    Args:
        job_id: the job.
        name: the checkpoint's name, which may contain slashes.
    """
    return f"{checkpoint_prefix(job_id)}/{name}"


def kept_curve_key(dataset_id: str, name: str) -> str:
    """Return the key of the curve of a learner on the originals of a dataset.

    Args:
        dataset_id: the dataset.
        name: the name that says which learner it is.
    """
    return f"{dataset_prefix(dataset_id)}/curves/{name}"


def upload_parts_prefix(upload_id: str) -> str:
    """Return the prefix of the parts of an unfinished resumable upload."""
    return f"uploads/{upload_id}"


def upload_part_key(upload_id: str, start: int, sender: str) -> str:
    """Return the key of a part. No two requests share one, so neither overwrites the other's.

    Args:
        upload_id: the upload.
        start: the first byte of the part.
        sender: the id of the request that stores it.
    """
    return f"{upload_parts_prefix(upload_id)}/{start:015d}-{sender}"
