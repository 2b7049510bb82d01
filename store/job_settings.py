"""The settings of jobs and of the workers that run them."""

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings


class JobSettings(BaseSettings):
    """The part of the settings that says which worker runs a job, for how long, and what happens when it is lost.

    Raises:
        ValidationError: a value is invalid. The error names the setting.
    """

    result_ttl_days: int = Field(
        default=30,
        ge=0,
        description="days for which a protection or a verification is kept after its end; then it is removed with its "
        "archive and its report; 0 for ever",
    )

    lease_seconds: float = Field(
        default=30, gt=0, description="seconds after which a job runs again when its worker stopped responding"
    )
    recovery_seconds: float = Field(
        default=5,
        gt=0,
        description="seconds between two searches of a worker for lost jobs",
        validation_alias=AliasChoices("UNTEACHABLE_RECOVERY_SECONDS", "UNTEACHABLE_SWEEP_SECONDS"),
    )
    enqueue_seconds: float = Field(
        default=15,
        gt=0,
        description="seconds after which a waiting job is enqueued again",
        validation_alias=AliasChoices("UNTEACHABLE_ENQUEUE_SECONDS", "UNTEACHABLE_RING_SECONDS"),
    )
    stall_seconds: float = Field(
        default=7200,
        gt=0,
        description="seconds without any progress after which the process of a job is ended; the job then runs again",
    )
    cancel_seconds: float = Field(
        default=3.5, gt=0, description="seconds after which a canceled job is stopped by ending its process"
    )
    store_outage_seconds: float = Field(
        default=3600,
        gt=0,
        description="seconds for which jobs wait for an object store that does not answer, before they fail",
    )
    max_attempts: int = Field(
        default=5, ge=1, description="attempts after which a job whose worker keeps disappearing fails"
    )
    max_run_seconds: float = Field(
        default=0,
        ge=0,
        description="seconds that a job may run, in all attempts and without the time that it waits; then it fails, "
        "and keeps the archive that it has offered; 0 for no limit",
    )
    short_seconds: int = Field(
        default=120,
        ge=0,
        description="protections that are expected to take at most so many seconds do not wait behind longer ones: a "
        "worker of their own runs them; 0 for no such worker",
    )
    gpu_jobs: str = Field(
        default="auto",
        pattern="^(auto|gpu|any)$",
        description="which workers take jobs that need a GPU, which are those with the preset paper: gpu for those "
        "with a GPU only, any for all, auto for those with a GPU where one was seen in the last hour, else all",
    )
    threads: int = Field(default=0, ge=0, description="processor cores that a science worker uses; 0 for all available")
    device: str = Field(default="", description="cpu, cuda or cuda:N; default the best available")
    pretrained_weights: str = Field(
        default="",
        description="safetensors file with weights of EfficientNet-Lite0 that the evidence on photographs starts from; "
        "default those of the package that unteachable[pretrained] installs",
    )

    reference_images: str = Field(
        default="",
        description="folder or archive on the workers' machines, with a folder for each class, whose classes an album "
        "joins in its evidence; default other datasets of the album's owner",
    )
