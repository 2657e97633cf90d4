{{/*
The port of an address: `https://[fd00::1]:8443/path` has 8443, `wss://bus.example` 443, `bus.example` 4222.
*/}}
{{- define "mca.port" -}}
{{- $scheme := regexFind "^[a-z]+://" . | trimSuffix "://" -}}
{{- $host := trimPrefix (printf "%s://" $scheme) . | regexFind "^[^/?#]*" -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- $usual := get (dict "ws" "80" "http" "80" "wss" "443" "https" "443") $scheme | default "4222" -}}
{{- $port | default $usual -}}
{{- end -}}

{{/* The ports of addresses that are separated by commas, as a YAML list of numbers. */}}
{{- define "mca.portsOf" -}}
{{- $ports := list -}}
{{- range splitList "," . -}}
{{- with trim . }}{{ $ports = append $ports (include "mca.port" . | int) }}{{ end -}}
{{- end -}}
{{- uniq $ports | toYaml -}}
{{- end -}}

{{/*
Sets ports and peers of a rule, if the values have some. Called with (list $rule (list "UDP" "TCP") .Values.networkPolicy.dns), changes the rule.
*/}}
{{- define "mca.rule" -}}
{{- $rule := index . 0 -}}
{{- $protocols := index . 1 -}}
{{- with (index . 2).ports -}}
{{- $ports := list -}}
{{- range $port := . -}}
{{- range $protocols }}{{ $ports = append $ports (dict "protocol" . "port" (int $port)) }}{{ end -}}
{{- end -}}
{{- $_ := set $rule "ports" $ports -}}
{{- end -}}
{{- with (index . 2).to }}{{ $_ := set $rule "to" . }}{{ end -}}
{{- end -}}

{{/*
A NetworkPolicy of base/, whose first rule for egress is that for DNS, with further rules: for the proxies, if the pods use them, and those of
the values. Called with (list $ "agent/network-policy.yaml" (list …)).
*/}}
{{- define "mca.networkPolicy" -}}
{{- $root := index . 0 -}}
{{- $policy := include "mca.object" (list $root (index . 1)) | fromYaml -}}
{{- $_ := include "mca.rule" (list (first $policy.spec.egress) (list "UDP" "TCP") $root.Values.networkPolicy.dns) -}}
{{- $_ := set $policy.spec "egress" (concat $policy.spec.egress (index . 2)) -}}
{{- toYaml $policy -}}
{{- end -}}

{{/* The rule that admits the proxies, in a YAML list. Called with $. */}}
{{- define "mca.proxyRules" -}}
{{- $ports := list -}}
{{- range list .Values.proxy.httpProxy .Values.proxy.httpsProxy -}}
{{- if . }}{{ $ports = append $ports (dict "protocol" "TCP" "port" (include "mca.port" . | int)) }}{{ end -}}
{{- end -}}
{{- $rules := list -}}
{{- with uniq $ports }}{{ $rules = list (dict "ports" .) }}{{ end -}}
{{- toYaml $rules -}}
{{- end -}}
