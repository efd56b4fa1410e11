# syntax=docker/dockerfile:1
# The server with its models.
#   CPU:  docker build -t inference-server . && docker run --rm --read-only --tmpfs /tmp -p 8080:8080 inference-server
#   GPU:  docker build --target gpu -t inference-server:gpu . && docker run --rm --gpus all --read-only --tmpfs /tmp -p 8080:8080 inference-server:gpu

# Native libraries, fetched anew only when package.json changes.
FROM --platform=$BUILDPLATFORM node:22-slim AS natives
WORKDIR /source
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci --ignore-scripts

FROM --platform=$BUILDPLATFORM natives AS natives-cpu
ARG TARGETARCH
COPY natives/linux-arm64/ natives/linux-arm64/
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc if [ "$TARGETARCH" = arm64 ]; then cd natives/linux-arm64 && npm ci --ignore-scripts; fi

FROM --platform=$BUILDPLATFORM natives AS natives-gpu
COPY natives/linux-x64-gpu/ natives/linux-x64-gpu/
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc cd natives/linux-x64-gpu && npm ci --ignore-scripts

# NuGet packages, fetched anew only when a project file or a version changes.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS restore
ARG TARGETARCH
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY src/Natives.targets src/
COPY src/OnnxRuntime/OnnxRuntime.csproj src/OnnxRuntime/
COPY src/Vips/Vips.csproj src/Vips/
COPY src/DenseCrf/DenseCrf.csproj src/DenseCrf/
COPY src/InferenceServer.Kernels/InferenceServer.Kernels.csproj src/InferenceServer.Kernels/
COPY src/InferenceServer.Runtime/InferenceServer.Runtime.csproj src/InferenceServer.Runtime/
COPY src/InferenceServer/InferenceServer.csproj src/InferenceServer/
# No program of its own for the host: it would be one more file for each platform, and `dotnet` is in the base image.
RUN --mount=type=secret,id=nugetconfig,target=/root/.nuget/NuGet/NuGet.Config \
    dotnet restore src/InferenceServer -a $TARGETARCH -p:UseAppHost=false
COPY src/ src/

FROM restore AS build
ARG TARGETARCH
COPY --from=natives-cpu /source/ ./
RUN dotnet publish src/InferenceServer -c Release -a $TARGETARCH --no-self-contained --no-restore \
    -p:UseAppHost=false -p:DebugType=none -p:GenerateDocumentationFile=false -o /app

FROM restore AS build-gpu
COPY --from=natives-gpu /source/ ./
RUN dotnet publish src/InferenceServer -c Release -a amd64 --no-self-contained --no-restore \
    -p:UseAppHost=false -p:DebugType=none -p:GenerateDocumentationFile=false -p:Gpu=true -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble AS aspnet

# CUDA and cuDNN come with the base; .NET is copied in. Nothing of the start needs the base's shell.
FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS gpu
LABEL org.opencontainers.image.title="InferenceServer" \
      org.opencontainers.image.description="Semantic segmentation over HTTP, on CUDA" \
      org.opencontainers.image.licenses="MIT"
COPY --from=aspnet /usr/share/dotnet/ /usr/share/dotnet/
COPY --from=build-gpu /app/ /app/
COPY models/ /models/
ENV PATH=/usr/share/dotnet:$PATH \
    ORT_DISABLE_TELEMETRY=1 \
    DOTNET_gcServer=0 \
    DOTNET_EnableDiagnostics=0 \
    ASPNETCORE_HTTP_PORTS=8080 \
    Models__Path=/models \
    Onnx__Provider=Cuda \
    Onnx__RequireGpu=true
WORKDIR /app
USER 1654
EXPOSE 8080
VOLUME /models
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=120s --retries=3 CMD ["dotnet", "/app/InferenceServer.dll", "health"]
ENTRYPOINT ["dotnet", "/app/InferenceServer.dll"]

FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled AS cpu
LABEL org.opencontainers.image.title="InferenceServer" \
      org.opencontainers.image.description="Semantic segmentation over HTTP" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /app/ /app/
COPY models/ /models/
# Diagnostics would open a pipe in /tmp, which a read-only container does not have.
ENV ORT_DISABLE_TELEMETRY=1 \
    DOTNET_gcServer=0 \
    DOTNET_EnableDiagnostics=0 \
    ASPNETCORE_HTTP_PORTS=8080 \
    Models__Path=/models
WORKDIR /app
USER 1654
EXPOSE 8080
VOLUME /models
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["dotnet", "/app/InferenceServer.dll", "health"]
ENTRYPOINT ["dotnet", "/app/InferenceServer.dll"]
