# An image that holds keyless and nothing else: no shell, no package manager, not root. For Linux on the architecture it is built on.
#
#   docker build -t keyless .
#   docker run --rm -v "$PWD/specs:/specs:ro" keyless validate /specs
#
# Both base images are named by tags, which can be moved. For a build that stays the same, put the digests that you verified behind them:
# `docker buildx imagetools inspect IMAGE` prints one.
FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo install --locked --profile dist --path . --root /out

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/bin/keyless /usr/local/bin/keyless
COPY LICENSE /usr/share/doc/keyless/LICENSE
USER 65532:65532
WORKDIR /tmp
# The main process itself, so that it gets the signals.
ENTRYPOINT ["/usr/local/bin/keyless"]
