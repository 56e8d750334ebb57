{{/* The sidecars accept an identity service of this namespace alone. */}}
{{- define "remora.namespace" -}}
{{- if ne .Release.Namespace "remora-system" }}{{ fail "install with --namespace remora-system: sidecars accept control and identity of that namespace alone" }}{{ end -}}
remora-system
{{- end }}

{{- define "remora.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: remora
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "remora.image" -}}
{{ required "image.repository is needed: the image of the mesh's programs" .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What the pods of the three programs have in common, before their containers. */}}
{{- define "remora.podSpec" -}}
serviceAccountName: {{ .name }}
automountServiceAccountToken: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: { app.kubernetes.io/name: {{ .name }} }
{{- end }}

{{/* What their containers have in common, before environment and mounts. */}}
{{- define "remora.container" -}}
image: {{ include "remora.image" .root }}
{{- with .root.Values.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
command:
  - {{ .root.Values.image.node }}
  - --disable-warning=ExperimentalWarning
  - --max-heap-size={{ .heap }}
  - {{ .root.Values.image.programDir }}/{{ .program }}.js
ports:
  - { name: {{ .program }}, containerPort: {{ .port }} }
  - { name: metrics, containerPort: 15014 }
startupProbe:
  httpGet: { path: /live, port: metrics }
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  httpGet: { path: /ready, port: metrics }
  periodSeconds: 2
livenessProbe:
  httpGet: { path: /live, port: metrics }
  periodSeconds: 10
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
resources:
  {{- toYaml .resources | nindent 2 }}
{{- end }}

{{/* The account, the address and the disruption budget of one program. */}}
{{- define "remora.surroundings" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  namespace: {{ include "remora.namespace" .root }}
  labels:
    {{- include "remora.labels" . | nindent 4 }}
# No program reads the Kubernetes API, so the account has no role and its token is not mounted.
automountServiceAccountToken: false
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  namespace: {{ include "remora.namespace" .root }}
  labels:
    {{- include "remora.labels" . | nindent 4 }}
spec:
  selector: { app.kubernetes.io/name: {{ .name }} }
  ports:
    - { name: {{ .portName }}, port: {{ .servicePort }}, targetPort: {{ .port }} }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  namespace: {{ include "remora.namespace" .root }}
  labels:
    {{- include "remora.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: { app.kubernetes.io/name: {{ .name }} }
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  namespace: {{ include "remora.namespace" .root }}
  labels:
    {{- include "remora.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: { app.kubernetes.io/name: {{ .name }} }
  policyTypes: [Ingress]
  ingress:
    # Pods of any namespace, and API servers, which have no labels.
    - ports: [{ port: {{ .port }}, protocol: TCP }]
    - ports: [{ port: 15014, protocol: TCP }]
      from:
        - namespaceSelector:
            matchLabels: {{ toJson .root.Values.networkPolicy.metricsFrom }}
{{- end }}
{{- end }}

{{/* The head of a Deployment, down to the pod's labels. */}}
{{- define "remora.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  namespace: {{ include "remora.namespace" .root }}
  labels:
    {{- include "remora.labels" . | nindent 4 }}
spec:
  replicas: {{ .replicas }}
  strategy:
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  selector:
    matchLabels: { app.kubernetes.io/name: {{ .name }} }
{{- end }}
