"""The check of Schemathesis that what fits the document is taken, but for what no schema can say."""

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

# By the field that the answer names: why a value that fits its schema may be refused all the same.
BEYOND_A_SCHEMA = {
    "continue": "it is good only as the page before gave it",
    "labelSelector": "it has a grammar",
    "clusterLabelSelector": "it has a grammar",
    "timeout": "it has bounds in time, in several units",
    "key": "it has a checksum",
    "credential_request": "it has a checksum and a signature",
    "nats_url": "it is an address, or several",
    "idempotency-key": "it is good for one request alone",
    "since": "it is not later than `until`",
    "reason": "it is not blank",
    "image": "it is the name of an image, which has a grammar",
    "images": "each container is named once",
    "deployment_name": "it stands for `kind` and `name`, and not beside them",
    "label_selector": "it has a grammar, and is not beside a name",
    "namespace": "a workload with a name needs it",
}

# The fields of `POST /log` depend on each other: `until` goes with `since_seconds`; with `deployment_name` it is the log of pods, without it the activity log.
FIELDS_OF_A_LOG = {"cluster", "pod", "container", "since_seconds", "until", "previous", "tail", "limit"}


# Fields of a run: whether they fit depends on the workloads that there are, on the time, and on each other.
FIELDS_OF_A_RUN = ("action", "parameters", "targets", "strategy", "not_before", "expires_at", "plan_hash", "states")


@schemathesis.check
def acceptance(ctx, response, case):
    if response.status_code in (400, 422):
        field = response.json().get("field")
        if case.operation.path.startswith("/runs") and str(field).startswith(FIELDS_OF_A_RUN):
            return None
        if field in BEYOND_A_SCHEMA or (case.operation.label == "POST /log" and field in FIELDS_OF_A_LOG):
            return None
    return positive_data_acceptance(ctx, response, case)
