missing is {{ .notThere }} at {{ .Env.registryPort }}
