# syntax=docker/dockerfile:1
# The server with its models.
#   CPU:  docker build -t inference-server . && docker run --rm --read-only --tmpfs /tmp -p 8080:8080 inference-server
#   GPU:  docker build --target gpu -t inference-server:gpu . && docker run --rm --gpus all --read-only --tmpfs /tmp -p 8080:8080 inference-server:gpu

# The build runs on the machine's own platform, whichever the image is for.
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS source
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY eng/ eng/
COPY src/DenseCrf/DenseCrf.csproj src/DenseCrf/
COPY src/InferenceServer.Kernels/InferenceServer.Kernels.csproj src/InferenceServer.Kernels/
COPY src/OnnxGraph/OnnxGraph.csproj src/OnnxGraph/
COPY src/InferenceServer.Runtime/InferenceServer.Runtime.csproj src/InferenceServer.Runtime/
COPY src/InferenceServer/InferenceServer.csproj src/InferenceServer/

# Packages, native libraries among them, are fetched anew only when a project file or a version changes.
# The native libraries are moved to a layer of their own, which a new version of the server leaves as it is.
# No program of its own for the host: it would be one more file for each platform, and `dotnet` is in the base image.
FROM source AS build
ARG TARGETARCH
RUN --mount=type=secret,id=nugetconfig,target=/root/.nuget/NuGet/NuGet.Config \
    dotnet restore src/InferenceServer -a $TARGETARCH -p:UseAppHost=false
COPY src/ src/
RUN dotnet publish src/InferenceServer -c Release -a $TARGETARCH --no-restore \
    -p:UseAppHost=false -p:DebugType=none -p:GenerateDocumentationFile=false -o /app && mkdir /natives && mv /app/*.so* /natives/

FROM source AS build-gpu
RUN --mount=type=secret,id=nugetconfig,target=/root/.nuget/NuGet/NuGet.Config \
    dotnet restore src/InferenceServer -a amd64 -p:UseAppHost=false -p:Gpu=true
COPY src/ src/
RUN dotnet publish src/InferenceServer -c Release -a amd64 --no-restore \
    -p:UseAppHost=false -p:DebugType=none -p:GenerateDocumentationFile=false -p:Gpu=true -o /app && mkdir /natives && mv /app/*.so* /natives/

FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble AS aspnet

# CUDA and cuDNN come with the base; .NET is copied in. Nothing of the start needs the base's shell.
FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS gpu
LABEL org.opencontainers.image.title="InferenceServer" \
      org.opencontainers.image.description="Semantic segmentation over HTTP, on CUDA" \
      org.opencontainers.image.licenses="MIT"
COPY --from=aspnet /usr/share/dotnet/ /usr/share/dotnet/
COPY --from=build-gpu /natives/ /app/
COPY models/ /models/
COPY --from=build-gpu /app/ /app/
ENV PATH=/usr/share/dotnet:$PATH \
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
COPY --from=build /natives/ /app/
COPY models/ /models/
COPY --from=build /app/ /app/
# Diagnostics would open a pipe in /tmp, which a read-only container does not have.
ENV DOTNET_gcServer=0 \
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
