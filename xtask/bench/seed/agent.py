"""The HTTP agent of one cluster: each question is a list of the API server."""

import os
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, Request


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with httpx.AsyncClient(base_url=os.environ["KUBERNETES_URL"]) as client:
        app.state.kubernetes = client
        yield


app = FastAPI(lifespan=lifespan)


def summary(item: dict) -> dict:
    metadata, spec, status = item["metadata"], item["spec"], item.get("status", {})
    return {
        "namespace": metadata["namespace"],
        "deployment_name": metadata["name"],
        "replicas": spec.get("replicas", 1),
        "ready": status.get("readyReplicas", 0),
        "updated": status.get("updatedReplicas", 0),
        "available": status.get("availableReplicas", 0),
        "images": [c["image"] for c in spec["template"]["spec"]["containers"]],
        "created_at": metadata["creationTimestamp"],
        "labels": metadata.get("labels", {}),
    }


@app.get("/deployments/{namespace}")
async def deployments(namespace: str, request: Request) -> dict:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    answer = await request.app.state.kubernetes.get(path)
    answer.raise_for_status()
    return {"items": [summary(item) for item in answer.json()["items"]]}


@app.get("/readyz")
async def readyz() -> dict:
    return {"cluster": os.environ["CLUSTER"]}
