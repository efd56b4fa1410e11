{{- define "inference-server.selector" -}}
app.kubernetes.io/name: inference-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "inference-server.labels" -}}
{{ include "inference-server.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* Workers have a name of their own: the Service and the PodDisruptionBudget of the server must not select them. */ -}}
{{- define "inference-server.worker-selector" -}}
app.kubernetes.io/name: inference-server-worker
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "inference-server.worker-labels" -}}
{{ include "inference-server.worker-selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "inference-server.pod" -}}
automountServiceAccountToken: false # the server asks the cluster for nothing
{{- if .Values.serviceAccount.name }}
serviceAccountName: {{ .Values.serviceAccount.name }}
{{- end }}
{{- if .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml .Values.imagePullSecrets | nindent 2 }}
{{- end }}
# preStop, then Hosting:DrainDelay, then Hosting:ShutdownTimeout, and some.
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriod }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1654
  runAsGroup: 1654
  fsGroup: {{ .Values.fsGroup }} # volumes that are written to belong to the server
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
volumes:
  # The one folder of a server without jobs that is written to: requests with many images wait there.
  - name: tmp
    emptyDir:
      sizeLimit: 4Gi
  {{- if .Values.models.claim }}
  - name: models
    persistentVolumeClaim:
      claimName: {{ .Values.models.claim }}
      readOnly: true
  {{- end }}
  {{- if .Values.models.path }}
  - name: cache
    {{- if .Values.models.cacheClaim }}
    persistentVolumeClaim:
      claimName: {{ .Values.models.cacheClaim }}
    {{- end }}
    {{- if not .Values.models.cacheClaim }}
    emptyDir:
      sizeLimit: {{ .Values.models.cacheSize }}
    {{- end }}
  {{- end }}
  {{- if .Values.jobs.claim }}
  - name: jobs
    persistentVolumeClaim:
      claimName: {{ .Values.jobs.claim }}
  {{- end }}
  {{- if .Values.nats.credentialsSecret }}
  - name: nats
    secret:
      secretName: {{ .Values.nats.credentialsSecret }}
  {{- end }}
  {{- if .Values.extraVolumes }}
  {{- toYaml .Values.extraVolumes | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "inference-server.container" -}}
image: {{ .Values.image.repository }}:{{ .Values.image.tag }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
# Whether the process came up. Models may take longer, which is readiness: a restart would only begin anew.
startupProbe:
  httpGet:
    path: /health/live
    port: http
  periodSeconds: 2
  failureThreshold: 30
readinessProbe:
  httpGet:
    path: /health/ready
    port: http
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 1
# Load does not make the process less alive: patient, so that a busy replica is not killed for being busy.
livenessProbe:
  httpGet:
    path: /health/live
    port: http
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
lifecycle:
  preStop:
    sleep: # there is no shell in the image; Kubernetes 1.30 or later
      seconds: {{ .Values.preStop }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- if .Values.models.claim }}
  - name: models
    mountPath: /models
    readOnly: true
  {{- end }}
  {{- if .Values.models.path }}
  - name: cache
    mountPath: /cache
  {{- end }}
  {{- if .Values.jobs.claim }}
  - name: jobs
    mountPath: /jobs
  {{- end }}
  {{- if .Values.nats.credentialsSecret }}
  - name: nats
    mountPath: /nats
    readOnly: true
  {{- end }}
  {{- if .Values.extraVolumeMounts }}
  {{- toYaml .Values.extraVolumeMounts | nindent 2 }}
  {{- end }}
{{- if .Values.envFrom }}
envFrom:
  {{- toYaml .Values.envFrom | nindent 2 }}
{{- end }}
{{- end }}

{{- define "inference-server.env" -}}
- name: Crf__MaxBytes
  value: {{ .Values.crfMaxBytes | quote }}
{{- if .Values.models.path }}
- name: Models__Path
  value: {{ .Values.models.path | quote }}
- name: Models__Cache
  value: /cache
{{- end }}
{{- if .Values.s3.endpoint }}
- name: S3__Endpoint
  value: {{ .Values.s3.endpoint | quote }}
{{- end }}
{{- if .Values.s3.region }}
- name: S3__Region
  value: {{ .Values.s3.region | quote }}
{{- end }}
{{- if .Values.pathBase }}
- name: Hosting__PathBase
  value: {{ .Values.pathBase | quote }}
{{- end }}
{{- range $i, $proxy := .Values.trustedProxies }}
- name: Hosting__TrustedProxies__{{ $i }}
  value: {{ $proxy | quote }}
{{- end }}
{{- if .Values.jobs.path }}
- name: Jobs__Engine
  value: {{ .Values.jobs.engine }}
- name: Jobs__Path
  value: {{ .Values.jobs.path | quote }}
{{- range $i, $source := .Values.jobs.sources }}
- name: Jobs__Sources__{{ $i }}
  value: {{ $source | quote }}
{{- end }}
{{- range $i, $target := .Values.jobs.targets }}
- name: Jobs__Targets__{{ $i }}
  value: {{ $target | quote }}
{{- end }}
{{- range $i, $host := .Values.jobs.webhookHosts }}
- name: Jobs__WebhookHosts__{{ $i }}
  value: {{ $host | quote }}
{{- end }}
{{- if eq .Values.jobs.engine "Nats" }}
- name: Nats__Url
  value: {{ .Values.nats.url | quote }}
- name: Nats__Stream
  value: {{ .Values.nats.stream | quote }}
{{- if .Values.nats.credentialsSecret }}
- name: Nats__Credentials
  value: /nats/{{ .Values.nats.credentialsKey }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
