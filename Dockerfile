# The images of all programs, one stage each: `docker build --target agent .`. They are compiled once.
FROM rust:1.95-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082 AS build
WORKDIR /src

# Dependencies first, with empty crates: this layer is rebuilt when a manifest changes, not when the code does.
COPY Cargo.toml Cargo.lock commit.rs ./
COPY agent/Cargo.toml agent/
COPY aggregator/Cargo.toml aggregator/
COPY aggregator/audit/Cargo.toml aggregator/audit/
COPY aggregator/diagnostics/Cargo.toml aggregator/diagnostics/
COPY aggregator/enrolment/Cargo.toml aggregator/enrolment/
COPY aggregator/fleet/Cargo.toml aggregator/fleet/
COPY aggregator/http/Cargo.toml aggregator/http/
COPY aggregator/identity/Cargo.toml aggregator/identity/
COPY aggregator/labels/Cargo.toml aggregator/labels/
COPY aggregator/limits/Cargo.toml aggregator/limits/
COPY aggregator/notifications/Cargo.toml aggregator/notifications/
COPY aggregator/registry/Cargo.toml aggregator/registry/
COPY aggregator/runs/Cargo.toml aggregator/runs/
COPY aggregator/storage/Cargo.toml aggregator/storage/
COPY bus-schema/Cargo.toml bus-schema/
COPY k8s-sim/Cargo.toml k8s-sim/
COPY nats/bus-keys/Cargo.toml nats/bus-keys/
COPY nats/bus-link/Cargo.toml nats/bus-link/
COPY text-input/Cargo.toml text-input/
COPY xtask/Cargo.toml xtask/
COPY xtask/bench/Cargo.toml xtask/bench/
COPY xtask/load-agents/Cargo.toml xtask/load-agents/
RUN for manifest in */Cargo.toml */*/Cargo.toml; do \
      mkdir "${manifest%/*}/src" && touch "${manifest%/*}/src/lib.rs" && echo 'fn main() {}' > "${manifest%/*}/src/main.rs"; \
    done \
    && cargo build --release --locked -p agent -p aggregator -p k8s-sim \
    && rm -r */src */*/src

# Copied one by one, so that a change of the web UI does not recompile Rust.
COPY agent agent/
COPY aggregator aggregator/
COPY bus-schema bus-schema/
COPY k8s k8s/
COPY k8s-sim k8s-sim/
COPY nats nats/
COPY text-input text-input/
COPY xtask xtask/
# What `--version` says; a work tree's commit is not known in here.
ARG MCA_COMMIT=
# Cargo rebuilds a source that is newer than its artifact: the copied sources are older than the empty crates.
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && cargo build --release --locked -p agent -p aggregator -p k8s-sim

# A new volume takes its owner and mode from the image's directory at its mount point: these are for volumes.
WORKDIR /volumes
RUN mkdir -p aggregator/bus k8s-sim/clusters && cd aggregator && mkdir -m 700 users credentials signer bus/operator bus/server bus/aggregator bus/store

FROM node:24-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6 AS ui-build
WORKDIR /ui
COPY ui/package.json ui/package-lock.json ui/.npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY ui ./
RUN npm run build

# No shell and no package manager; contains the certificates of public CAs and the C library.
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f AS agent
COPY --from=build /src/target/release/agent /usr/local/bin/
USER 65532:65532
# No HEALTHCHECK: the agent opens no port. The aggregator's /clusters shows its presence.
ENTRYPOINT ["/usr/local/bin/agent"]

# Only for demos. The health check needs its shell.
FROM debian:bookworm-slim@sha256:7b140f374b289a7c2befc338f42ebe6441b7ea838a042bbd5acbfca6ec875818 AS k8s-sim
COPY --from=build --chown=65532:65532 /volumes/k8s-sim /srv
COPY --from=build /src/target/release/k8s-sim /usr/local/bin/
USER 65532:65532
ENV MCA_SIM_LISTEN=0.0.0.0:6443 MCA_SIM_KUBECONFIG_OUT=/srv/clusters/kubeconfig
HEALTHCHECK --interval=2s --timeout=3s --start-period=20s CMD ["bash", "-c", "test -s $MCA_SIM_KUBECONFIG_OUT && : < /dev/tcp/127.0.0.1/6443"]
ENTRYPOINT ["/usr/local/bin/k8s-sim"]

# The web UI without an aggregator, for use beside one or more of them: API calls are proxied to MCA_AGGREGATOR.
FROM debian:bookworm-slim@sha256:7b140f374b289a7c2befc338f42ebe6441b7ea838a042bbd5acbfca6ec875818 AS ui
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light curl && rm -rf /var/lib/apt/lists/*
COPY ui/nginx/nginx.conf /etc/nginx/template.conf
COPY ui/nginx/headers.conf /etc/nginx/
COPY --from=ui-build /ui/build /usr/local/share/mca/ui
USER 65532:65532
ENV MCA_AGGREGATOR=aggregator:8000
EXPOSE 8000
HEALTHCHECK --interval=2s --timeout=3s --start-period=20s CMD ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8000/readyz"]
# Writes only to /tmp, so that the root can be read-only.
CMD ["sh", "-c", "sed \"s/AGGREGATOR;/$MCA_AGGREGATOR;/\" /etc/nginx/template.conf > /tmp/nginx.conf && { test -e /proc/net/if_inet6 || sed -i '/listen \\[::\\]/d' /tmp/nginx.conf; } && exec nginx -g 'daemon off;' -c /tmp/nginx.conf"]

# Like the agent's.
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f AS aggregator
COPY --from=build --chown=65532:65532 /volumes/aggregator /srv
COPY --from=build /src/target/release/aggregator /usr/local/bin/
COPY --from=ui-build /ui/build /usr/local/share/ui
USER 65532:65532
ENV MCA_LISTEN=[::]:8000 MCA_BUS_KEYS=/srv/bus/aggregator MCA_USERS=/srv/users/users.json \
    MCA_UI_DIR=/usr/local/share/ui
EXPOSE 8000
HEALTHCHECK --interval=2s --timeout=3s --start-period=20s CMD ["/usr/local/bin/aggregator", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/aggregator"]
CMD ["serve"]
