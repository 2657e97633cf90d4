"""One API for all clusters: it asks the cluster's agent over HTTP and passes the answer on."""

import os
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, HTTPException, Request

AGENTS = dict(pair.split("=", 1) for pair in os.environ["AGENTS"].split(","))


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with httpx.AsyncClient() as client:
        app.state.agents = client
        yield


app = FastAPI(lifespan=lifespan)


async def ask(request: Request, url: str) -> dict:
    answer = await request.app.state.agents.get(url)
    answer.raise_for_status()
    return answer.json()


@app.get("/deployments/{cluster}/{namespace}")
async def deployments(cluster: str, namespace: str, request: Request) -> dict:
    if cluster not in AGENTS:
        raise HTTPException(404, "no such cluster")
    return await ask(request, f"{AGENTS[cluster]}/deployments/{namespace}")


@app.get("/readyz")
async def readyz(request: Request) -> dict:
    return {"agents": [await ask(request, f"{url}/readyz") for url in AGENTS.values()]}
