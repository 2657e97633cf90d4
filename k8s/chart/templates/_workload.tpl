{{/*
An object of base/ with a pod template, and the values for where and how its pods run.
Called with (list $ "agent/deployment.yaml" .Values.agent).
*/}}
{{- define "mca.workload" -}}
{{- $root := index . 0 -}}
{{- $values := index . 2 -}}
{{- $object := include "mca.object" (list $root (index . 1)) | fromYaml -}}
{{- $metadata := $object.spec.template.metadata -}}
{{- $pod := $object.spec.template.spec -}}
{{- $_ := set $metadata "labels" (merge $metadata.labels $values.podLabels $root.Values.commonLabels) -}}
{{- with merge dict $values.podAnnotations $root.Values.commonAnnotations -}}
{{- $_ := set $metadata "annotations" . -}}
{{- end -}}
{{- range concat ($pod.initContainers | default list) $pod.containers -}}
{{- $_ := set . "image" $values.image -}}
{{- if $values.extraEnv -}}
{{- $_ := set . "env" (include "mca.env" (list (.env | default list) $values.extraEnv) | fromYamlArray) -}}
{{- end -}}
{{- end -}}
{{- $container := first $pod.containers -}}
{{- $_ := set $container "resources" (mergeOverwrite $container.resources $values.resources) -}}
{{- if hasKey $values "replicas" -}}
{{- $_ := set $object.spec "replicas" (int $values.replicas) -}}
{{- end -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" -}}
{{- with index $values $field }}{{ $_ := set $pod $field . }}{{ end -}}
{{- end -}}
{{- if $root.Values.openshift -}}
{{- $_ := set $pod "securityContext" (omit $pod.securityContext "runAsUser" "runAsGroup" "fsGroup") -}}
{{- end -}}
{{- if $root.Values.imagePullSecrets -}}
{{- $secrets := list -}}
{{- range $root.Values.imagePullSecrets }}{{ $secrets = append $secrets (dict "name" .) }}{{ end -}}
{{- $_ := set $pod "imagePullSecrets" $secrets -}}
{{- end -}}
{{- toYaml $object -}}
{{- end -}}

{{/* The variables of a container and those of the values, which replace others of their name. Called with (list (list …) (list …)). */}}
{{- define "mca.env" -}}
{{- $given := index . 1 -}}
{{- $names := list -}}
{{- range $given }}{{ $names = append $names .name }}{{ end -}}
{{- $all := list -}}
{{- range index . 0 }}{{ if not (has .name $names) }}{{ $all = append $all . }}{{ end }}{{ end -}}
{{- toYaml (concat $all $given) -}}
{{- end -}}

{{/* Gives volumes the names of existing Secrets and ConfigMaps. Called with (list $pod (dict "volume" "name")), changes the pod. */}}
{{- define "mca.volumes" -}}
{{- $names := index . 1 -}}
{{- range (index . 0).volumes -}}
{{- if hasKey $names .name -}}
{{- $name := index $names .name -}}
{{- if hasKey . "secret" }}{{ $_ := set .secret "secretName" $name }}{{ else }}{{ $_ := set .configMap "name" $name }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
