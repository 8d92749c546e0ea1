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

{{/* Of what is cluster-scoped: two releases of one name may be in two namespaces. */}}
{{- define "claviger.clusterName" -}}
{{- include "claviger.namespace" . }}-{{ include "claviger.fullname" . }}
{{- end }}

{{/* The one namespace that is watched; nothing for all. */}}
{{- define "claviger.scope" -}}
{{- if .Values.scopedNamespace }}{{ .Values.scopedNamespace }}{{ else if .Values.scopedRBAC }}{{ .Release.Namespace }}{{ end }}
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

{{- define "claviger.subject" -}}
- kind: ServiceAccount
  name: {{ include "claviger.serviceAccountName" . }}
  namespace: {{ include "claviger.namespace" . }}
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

{{/* The operator's pods serve it. */}}
{{- define "claviger.webhook" -}}
{{- if and .Values.createOperator .Values.webhook.create }}true{{ end }}
{{- end }}

{{/* Whether POST /refresh is served, by whose certificate it is. */}}
{{- define "claviger.refresh" -}}
{{- if .Values.refresh.enabled }}
{{- if not .Values.webhook.create }}{{ fail "refresh.enabled needs webhook.create: it is served with the webhook's certificate" }}{{ end }}
{{- if .Values.createOperator }}true{{ end }}
{{- end }}
{{- end }}

{{- define "claviger.webhookName" -}}
{{- printf "%s-webhook" (include "claviger.fullname" . | trunc 55 | trimSuffix "-") }}
{{- end }}

{{/* The Secret whose certificate the webhook serves with; nothing for the operator's own authority. */}}
{{- define "claviger.certSecret" -}}
{{- if .Values.webhook.certSecret }}{{ .Values.webhook.certSecret }}
{{- else if .Values.webhook.certManager.enabled }}{{ include "claviger.webhookName" . }}
{{- end }}
{{- end }}

{{/* A number of seconds, or a time such as 1h30m; nothing where nobody says. */}}
{{- define "claviger.storeInterval" -}}
{{- $asked := toString .Values.storeRequeueInterval }}
{{- if or (eq $asked "") (regexMatch "^[0-9]+$" $asked) }}{{ $asked }}
{{- else }}
{{- $seconds := 0 }}
{{- range regexFindAll "[0-9]+[hms]" $asked -1 }}
{{- $unit := get (dict "h" 3600 "m" 60 "s" 1) (regexFind "[hms]" .) }}
{{- $seconds = add $seconds (mul (int (regexFind "[0-9]+" .)) $unit) }}
{{- end }}
{{- $seconds }}
{{- end }}
{{- end }}

{{/* Without `enabled`; on OpenShift without what its constraints choose. Takes the context and what to render. */}}
{{- define "claviger.securityContext" -}}
{{- $mode := .context.Values.global.compatibility.openshift.adaptSecurityContext }}
{{- $openshift := .context.Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- $given := omit .given "enabled" }}
{{- if or (eq $mode "force") (and (eq $mode "auto") $openshift) }}
{{- $given = omit $given "fsGroup" "runAsUser" "runAsGroup" }}
{{- end }}
{{- if and .given.enabled $given }}{{ toYaml $given }}{{ end }}
{{- end }}

{{/* config.yaml, if the chart writes one. */}}
{{- define "claviger.config" -}}
{{- $config := deepCopy .Values.config }}
{{- range $key := list "audit" "security" "proxy" }}
{{- with get $.Values $key }}
{{- $_ := set $config $key (merge (deepCopy .) (default dict (get $config $key))) }}
{{- end }}
{{- end }}
{{- if .Values.caBundle.configMap }}
{{- $_ := set $config "caBundle" (printf "/etc/claviger-ca/%s" .Values.caBundle.key) }}
{{- end }}
{{- range $key := list "https" "http" }}
{{- if contains "@" (toString (dig "proxy" $key "" $config)) }}
{{- fail (printf "proxy.%s has a password, and a ConfigMap is no place for it: put the URL into a Secret and have extraEnv take %s_PROXY from there" $key (upper $key)) }}
{{- end }}
{{- end }}
{{- if $config }}
{{- if .Values.existingConfigMap }}
{{- fail "existingConfigMap is somebody else's, and config, audit, security, proxy and caBundle are written into the chart's own: either write them into that ConfigMap, or leave existingConfigMap empty" }}
{{- end }}
{{- toYaml $config }}
{{- end }}
{{- end }}

{{/* The ConfigMap with config.yaml, if there is one. */}}
{{- define "claviger.configMap" -}}
{{- if include "claviger.config" . }}{{ include "claviger.fullname" . }}-config{{ else }}{{ .Values.existingConfigMap }}{{ end }}
{{- end }}

{{- define "claviger.monitoring" -}}
{{- if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" }}true{{ end }}
{{- end }}

{{- define "claviger.serviceMonitor" -}}
{{- if and .Values.createOperator .Values.serviceMonitor.enabled }}
{{- $mode := .Values.serviceMonitor.renderMode }}
{{- if or (include "claviger.monitoring" .) (eq $mode "alwaysRender") }}true
{{- else if eq $mode "failIfMissing" }}
{{- fail "serviceMonitor.renderMode is failIfMissing, and this cluster does not serve monitoring.coreos.com/v1: install the definitions of the Prometheus operator first" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Fields of both Services. */}}
{{- define "claviger.families" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Whether the API server takes the policy about tokens. */}}
{{- define "claviger.tokenPolicy" -}}
{{- if and .Values.tokenRequests.restrict (include "claviger.policies" .) }}true{{ end }}
{{- end }}

{{- define "claviger.writePolicy" -}}
{{- if and .Values.writes.restrict (include "claviger.policies" .) }}true{{ end }}
{{- end }}

{{/* Whether ValidatingAdmissionPolicies are served, and the installation is not one namespace's. */}}
{{- define "claviger.policies" -}}
{{- if and (not .Values.scopedRBAC) (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) }}true{{ end }}
{{- end }}

{{/* Whether ExternalSecrets may make Deployments and their like. */}}
{{- define "claviger.makesWorkloads" -}}
{{- if .Values.genericTargets.enabled }}
{{- range .Values.genericTargets.resources }}{{ if has .apiGroup (list "apps" "*") }}true{{ end }}{{ end }}
{{- end }}
{{- end }}
