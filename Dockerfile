# syntax=docker/dockerfile:1
# The server with its models, on the CPU:  docker build -t inference-server . && docker run -p 8080:8080 inference-server

FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm && rm -rf /var/lib/apt/lists/*
WORKDIR /source
# What is fetched changes more rarely than the sources, and is cached apart from them.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig ./
COPY src/ src/
RUN dotnet publish src/InferenceServer -c Release -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
ENV ORT_DISABLE_TELEMETRY=1 \
    DOTNET_gcServer=0 \
    ASPNETCORE_HTTP_PORTS=8080
WORKDIR /app
COPY --from=build /app ./
COPY models/ models/
USER $APP_UID
EXPOSE 8080
ENTRYPOINT ["dotnet", "InferenceServer.dll"]
