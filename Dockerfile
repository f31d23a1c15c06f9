# The image of Loom: one static binary, certificate authorities, a document to begin with, and a user that is not root.
# `make docker-build` builds it; `make image` builds the same one without a container engine, from this file.

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY .ci/image/go.mod .ci/image/go.sum .ci/image/
RUN go mod download && go -C .ci/image mod download
COPY . .
ARG VERSION
ARG SOURCE_DATE_EPOCH
ARG TARGETARCH
RUN go -C .ci/image build -o /usr/local/bin/image . && GOARCH=$TARGETARCH image -root /out -version "$VERSION"

FROM scratch
COPY --from=build /out/rootfs/ /
COPY --from=build --chown=65532:65532 /out/state/ /

ARG VERSION
LABEL org.opencontainers.image.title="Loom" \
      org.opencontainers.image.description="API gateway with Proxy-Wasm plugins, on Caddy" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"

# Certificates, compiled plugins and the last good config lie here: mount a volume at /data to keep them.
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config HOME=/data
USER 65532:65532
WORKDIR /etc/loom
EXPOSE 8080/tcp 8443/tcp 8443/udp

# SIGTERM ends the gateway once its requests are done.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/loom", "health"]
ENTRYPOINT ["/loom"]
CMD ["run", "--config", "/etc/loom/loom.yaml"]
