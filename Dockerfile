# The container image, for each architecture on a machine of that architecture (or its emulation):
#     docker buildx build --platform linux/amd64,linux/arm64 --tag claviger .
# What is in it is said in one place, xtask/src/image, which `cargo xtask image` writes as an archive without an engine.
FROM rust:1.95-bookworm AS build
RUN rustup target add wasm32-wasip2
WORKDIR /claviger
COPY . .
RUN cargo xtask image --rootfs /rootfs

# No shell, no package manager: the program, its libraries, its plugins and what was compiled of them ahead.
FROM scratch
COPY --from=build /rootfs /
USER 65532:65532
WORKDIR /tmp
ENV PATH=/claviger/bin
EXPOSE 8080 10250
ENTRYPOINT ["/claviger/bin/claviger"]
CMD ["run"]
