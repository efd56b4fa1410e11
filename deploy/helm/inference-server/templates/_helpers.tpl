{{- define "inference-server.selector" -}}
app.kubernetes.io/name: inference-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "inference-server.labels" -}}
{{ include "inference-server.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
