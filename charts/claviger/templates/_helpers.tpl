{{- define "claviger.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* As ESO's chart: the release's name, if it holds the chart's, and both otherwise. A release that is called
external-secrets is called that in everything, so that selectors that were written for ESO fit. */}}
{{- define "claviger.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if or (contains (include "claviger.name" .) .Release.Name) (eq .Release.Name "external-secrets") }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "claviger.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "claviger.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* app.kubernetes.io/name: external-secrets in a release of that name. */}}
{{- define "claviger.appName" -}}
{{- if and (eq .Release.Name "external-secrets") (not .Values.nameOverride) }}external-secrets{{ else }}{{ include "claviger.name" . }}{{ end }}
{{- end }}

{{- define "claviger.selectorLabels" -}}
app.kubernetes.io/name: {{ include "claviger.appName" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "claviger.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "claviger.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "claviger.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "claviger.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: whose rights should the operator have, with serviceAccount.create false?" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "claviger.replicas" -}}
{{- $asked := int .Values.replicaCount }}
{{- if .Values.webhook.create }}{{ max $asked (int .Values.webhook.replicaCount) }}{{ else }}{{ $asked }}{{ end }}
{{- end }}

{{- define "claviger.elects" -}}
{{- if or .Values.leaderElect (gt (int (include "claviger.replicas" .)) 1) }}true{{ end }}
{{- end }}

{{- define "claviger.lease" -}}
{{- default (printf "%s-leader" (include "claviger.fullname" .)) .Values.leaderElectionID }}
{{- end }}

{{- define "claviger.webhookName" -}}
{{- printf "%s-webhook" (include "claviger.fullname" .) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "claviger.subject" -}}
- kind: ServiceAccount
  name: {{ include "claviger.serviceAccountName" . }}
  namespace: {{ include "claviger.namespace" . }}
{{- end }}
