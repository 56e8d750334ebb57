{{/* Sidecars accept control and identity of this namespace alone. */}}
{{- define "remora.namespace" -}}
{{- if ne .Release.Namespace "remora-system" }}{{ fail (printf "sidecars look for control and identity in the namespace remora-system alone, and this is %s: add --namespace remora-system --create-namespace" .Release.Namespace) }}{{ end -}}
remora-system
{{- end }}

{{- define "remora.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: remora
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* Name, namespace and labels of what belongs to one program. */}}
{{- define "remora.metadata" -}}
name: {{ .name }}
namespace: {{ include "remora.namespace" .root }}
labels:
  {{- include "remora.labels" . | nindent 2 }}
{{- end }}

{{/* The same for what has no namespace. */}}
{{- define "remora.clusterMetadata" -}}
name: {{ .name }}
labels:
  {{- include "remora.labels" . | nindent 2 }}
{{- end }}

{{- define "remora.image" -}}
{{- $repository := required "image.repository is empty: name the image that your registry holds, as in --set image.repository=registry.example/remora (docs/kubernetes.md tells how to build it)" .Values.image.repository -}}
{{- if .Values.image.digest }}{{ $repository }}@{{ .Values.image.digest }}{{ else }}{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* The account, the address, the disruption budget and the network policy of one program. */}}
{{- define "remora.surroundings" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "remora.metadata" . | nindent 2 }}
# Mounted by the program's own pods, and by no others that happen to use the account.
automountServiceAccountToken: false
---
apiVersion: v1
kind: Service
metadata:
  {{- include "remora.metadata" . | nindent 2 }}
spec:
  selector: { app.kubernetes.io/name: {{ .name }} }
  ports:
    - { name: {{ .portName }}, port: {{ .servicePort }}, targetPort: {{ .port }} }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "remora.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  # A replica that is broken anyway must not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: { app.kubernetes.io/name: {{ .name }} }
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "remora.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels: { app.kubernetes.io/name: {{ .name }} }
  policyTypes: [Ingress, Egress]
  ingress:
    # Pods of any namespace, and API servers, which have no labels.
    - ports: [{ port: {{ .port }}, protocol: TCP }]
    - ports: [{ port: 15014, protocol: TCP }]
      from:
        - namespaceSelector:
            {{- if .root.Values.networkPolicy.metricsFrom }}
            matchLabels: {{ toJson .root.Values.networkPolicy.metricsFrom }}
            {{- else }} {}
            {{- end }}
        # While a root is replaced, identity asks who knows the new one.
        - podSelector:
            matchLabels: { app.kubernetes.io/name: remora-identity }
  egress:
    # API servers and name servers are where the cluster has them; no selector knows them.
    - {}
{{- end }}
{{- end }}

{{/* One program's Deployment; the file that includes it goes on with `env:` at ten blanks. */}}
{{- define "remora.deployment" -}}
{{- $values := .root.Values -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "remora.metadata" . | nindent 2 }}
spec:
  replicas: {{ .replicas }}
  revisionHistoryLimit: 3
  selector:
    matchLabels: { app.kubernetes.io/name: {{ .name }} }
  strategy:
    type: RollingUpdate
    # A new replica is ready before an old one goes.
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  template:
    metadata:
      labels:
        {{- include "remora.labels" . | nindent 8 }}
        # Its own webhook never asks about this namespace; other meshes read their own words.
        remora.dev/inject: disabled
      annotations:
        kubectl.kubernetes.io/default-container: {{ .program }}
    spec:
      serviceAccountName: {{ .name }}
      automountServiceAccountToken: true
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $values.imagePullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      nodeSelector:
        {{- toYaml $values.nodeSelector | nindent 8 }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm:
                topologyKey: kubernetes.io/hostname
                labelSelector:
                  matchLabels: { app.kubernetes.io/name: {{ .name }} }
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: topology.kubernetes.io/zone
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: { app.kubernetes.io/name: {{ .name }} }
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile: { type: RuntimeDefault }
      containers:
        - name: {{ .program }}
          image: {{ include "remora.image" .root }}
          {{- with $values.image.pullPolicy }}
          imagePullPolicy: {{ . }}
          {{- end }}
          command:
            - {{ $values.image.node }}
            - --disable-warning=ExperimentalWarning
            # Without a cap the heap grows by the size of the node.
            - --max-heap-size={{ .heap }}
            {{- with .semiSpace }}
            # A list of ten thousand pods is garbage at once; a small young generation keeps it from growing the heap.
            - --max-semi-space-size={{ . }}
            {{- end }}
            # The runtime lets it have no child process, no thread and no file but these (src/core/node-runtime.ts).
            - --permission
            - --allow-net
            {{- range list $values.image.programDir "/var/run/secrets" "/proc" "/sys/fs/cgroup" }}
            - --allow-fs-read={{ . }}
            {{- end }}
            - --allow-fs-write={{ $values.image.programDir }}/cache
            - {{ $values.image.programDir }}/{{ .program }}.js
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
            # One that has no CPU left is slow to answer; a restart would only add to its work.
            timeoutSeconds: 5
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            runAsNonRoot: true
            runAsUser: 65532
            runAsGroup: 65532
            capabilities: { drop: [ALL] }
          resources:
            {{- toYaml .resources | nindent 12 }}
{{- end }}

{{/* The two bindings of a program's roles. */}}
{{- define "remora.bindings" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  {{- include "remora.clusterMetadata" . | nindent 2 }}
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ .name }} }
subjects:
  - { kind: ServiceAccount, name: {{ .name }}, namespace: {{ include "remora.namespace" .root }} }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "remora.metadata" . | nindent 2 }}
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ .name }} }
subjects:
  - { kind: ServiceAccount, name: {{ .name }}, namespace: {{ include "remora.namespace" .root }} }
{{- end }}

{{/* What one replica holds so that the others wait; `create` cannot be tied to a name. */}}
{{- define "remora.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ .name }}]
  verbs: [get, update]
{{- end }}

{{/* To own what the program creates, so that an uninstall takes it along. */}}
{{- define "remora.ownerRule" -}}
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: [{{ .name }}]
  verbs: [get]
{{- end }}
