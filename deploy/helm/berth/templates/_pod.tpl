{{- /* What both shapes have in common; `.volume` is the folder's volume, or null where a claim makes it. */ -}}
{{- define "berth.pod" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $nodes := eq $values.mode "nodes" -}}
metadata:
  labels:
    {{- include "berth.labels" $root | nindent 4 }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "berth.fullname" $root }}
  automountServiceAccountToken: false
  # A service named berth would set variables that look like settings.
  enableServiceLinks: false
  # Requests under way have 25 seconds to end.
  terminationGracePeriodSeconds: 40
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: berth
      image: "{{ $values.image.repository }}:{{ $values.image.tag | default $root.Chart.AppVersion }}"
      imagePullPolicy: {{ $values.image.pullPolicy }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      ports:
        - name: http
          containerPort: 5000
      env:
        {{- include "berth.env" $root | nindent 8 }}
      {{- with $values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      startupProbe:
        httpGet:
          path: /startupz
          port: http
          scheme: {{ include "berth.scheme" $root | upper }}
        periodSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet:
          path: /livez
          port: http
          scheme: {{ include "berth.scheme" $root | upper }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
          scheme: {{ include "berth.scheme" $root | upper }}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      {{- if $nodes }}
      lifecycle:
        preStop:
          # Berth refuses connections as soon as it is told to stop: until then others learn that it will.
          sleep:
            seconds: 5
      {{- end }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        - name: data
          mountPath: /var/lib/berth
        {{- range $name, $secret := include "berth.secrets" $root | fromYaml }}
        - name: {{ $name }}
          mountPath: /run/secrets/{{ $name }}
          readOnly: true
        {{- end }}
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  {{- $secrets := include "berth.secrets" $root | fromYaml }}
  {{- if or .volume $secrets $values.extraVolumes }}
  volumes:
    {{- with .volume }}
    - name: data
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- range $name, $secret := $secrets }}
    - name: {{ $name }}
      secret:
        secretName: {{ $secret.existingSecret }}
        items:
          - key: {{ $secret.key }}
            path: value
    {{- end }}
    {{- with $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $nodes }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "berth.selectorLabels" $root | nindent 10 }}
  {{- end }}
{{- end -}}

{{- /* The secrets that are files in the pod, by the names of their folders. */ -}}
{{- define "berth.secrets" -}}
{{- if .Values.adminPassword.existingSecret }}
admin-password: {{ .Values.adminPassword | toJson }}
{{- end }}
{{- if .Values.secretKey.existingSecret }}
secret-key: {{ .Values.secretKey | toJson }}
{{- end }}
{{- if eq .Values.mode "nodes" }}
database-password: {{ pick .Values.nodes.database "existingSecret" "key" | toJson }}
{{- end }}
{{- end -}}

{{- define "berth.env" -}}
- name: BERTH_LISTEN
  value: 0.0.0.0:5000
- name: BERTH_DATA
  value: /var/lib/berth
- name: BERTH_SERVER_PROCESSES
  value: {{ .Values.processes | quote }}
{{- with include "berth.url" . }}
- name: BERTH_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.trustedProxies }}
- name: BERTH_TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
{{- if .Values.adminPassword.existingSecret }}
- name: BERTH_ADMIN_PASSWORD_FILE
  value: /run/secrets/admin-password/value
{{- end }}
{{- if .Values.secretKey.existingSecret }}
- name: BERTH_SECRET_KEY_FILE
  value: /run/secrets/secret-key/value
{{- end }}
{{- if eq .Values.mode "nodes" }}
- name: BERTH_DATABASE
  value: {{ .Values.nodes.database.url | quote }}
- name: BERTH_DATABASE_PASSWORD_FILE
  value: /run/secrets/database-password/value
{{- with .Values.nodes.blobs }}
- name: BERTH_BLOBS
  value: {{ .url | quote }}
{{- with .region }}
- name: BERTH_S3_REGION
  value: {{ . | quote }}
{{- end }}
{{- with .endpoint }}
- name: BERTH_S3_ENDPOINT
  value: {{ . | quote }}
{{- end }}
- name: BERTH_S3_REDIRECT
  value: {{ .redirect | quote }}
{{- if .existingSecret }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.nodes.blobs.existingSecret }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}
