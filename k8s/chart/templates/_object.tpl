{{/*
An object of base/, in the namespace of the release. The files are the ones that kustomize reads (base is a symlink), so the
chart repeats nothing: its templates only apply the values.

Called with (list $ "agent/deployment.yaml"); the result is YAML, for fromYaml.
*/}}
{{- define "mca.object" -}}
{{- $root := index . 0 -}}
{{- $object := $root.Files.Get (printf "base/%s" (index . 1)) | fromYaml -}}
{{- if hasKey $object.metadata "namespace" -}}
{{- $_ := set $object.metadata "namespace" $root.Release.Namespace -}}
{{- end -}}
{{- $labels := dict "app.kubernetes.io/managed-by" $root.Release.Service "app.kubernetes.io/version" $root.Chart.AppVersion -}}
{{- $_ := set $object.metadata "labels" (merge $labels ($object.metadata.labels | default dict)) -}}
{{- toYaml $object -}}
{{- end -}}

{{/*
The same for objects with a pod template, with their values.
Called with (list $ "agent/deployment.yaml" .Values.agent).
*/}}
{{- define "mca.workload" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- $object := include "mca.object" (list $root (index . 1)) | fromYaml -}}
{{- $pod := $object.spec.template.spec -}}
{{- $container := first $pod.containers -}}
{{- $_ := set $container "image" $values.image -}}
{{- range $pod.initContainers }}{{ $_ := set . "image" $values.image }}{{ end -}}
{{- $_ := set $container "resources" (mergeOverwrite $container.resources ($values.resources | default dict)) -}}
{{- with $values.verbs -}}
{{- $_ := set $container "env" (append $container.env (dict "name" "MCA_VERBS" "value" (join "," .))) -}}
{{- end -}}
{{- if hasKey $values "replicas" -}}
{{- $_ := set $object.spec "replicas" (int $values.replicas) -}}
{{- end -}}
{{- if $root.Values.imagePullSecrets -}}
{{- $secrets := list -}}
{{- range $root.Values.imagePullSecrets }}{{ $secrets = append $secrets (dict "name" .) }}{{ end -}}
{{- $_ := set $pod "imagePullSecrets" $secrets -}}
{{- end -}}
{{- toYaml $object -}}
{{- end -}}
