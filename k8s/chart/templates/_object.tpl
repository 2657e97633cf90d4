{{/*
An object of base/, in the namespace of the release. The files are the ones that kustomize reads (base is a symlink), so the
chart repeats nothing: its templates only apply the values.

Called with (list $ "agent/service-account.yaml"); the result is YAML, for fromYaml.
*/}}
{{- define "mca.object" -}}
{{- $root := index . 0 -}}
{{- $object := $root.Files.Get (printf "base/%s" (index . 1)) | fromYaml -}}
{{- if hasKey $object.metadata "namespace" -}}
{{- $_ := set $object.metadata "namespace" $root.Release.Namespace -}}
{{- end -}}
{{- $labels := dict "app.kubernetes.io/managed-by" $root.Release.Service "app.kubernetes.io/version" $root.Chart.AppVersion -}}
{{- $_ := set $object.metadata "labels" (merge $labels ($object.metadata.labels | default dict) $root.Values.commonLabels) -}}
{{- with $root.Values.commonAnnotations -}}
{{- $_ := set $object.metadata "annotations" (merge ($object.metadata.annotations | default dict) .) -}}
{{- end -}}
{{- toYaml $object -}}
{{- end -}}

{{/*
A ConfigMap of base/, with the proxies and with settings of the values, which win.
Called with (list $ "aggregator/settings.yaml" .Values.aggregator.settings).
*/}}
{{- define "mca.settings" -}}
{{- $object := include "mca.object" (list (index . 0) (index . 1)) | fromYaml -}}
{{- range $name, $value := index . 2 -}}
{{- $_ := set $object.data $name (toString $value) -}}
{{- end -}}
{{- toYaml $object -}}
{{- end -}}

{{/* The proxies as variables, which the programs and their libraries read. Called with $; the result is YAML. */}}
{{- define "mca.proxies" -}}
{{- range $name, $value := dict "HTTP_PROXY" .Values.proxy.httpProxy "HTTPS_PROXY" .Values.proxy.httpsProxy "NO_PROXY" .Values.proxy.noProxy -}}
{{- if $value }}
{{ $name }}: {{ $value | quote }}
{{- end -}}
{{- end -}}
{{- end -}}
