"""The kinds of object that the API knows, and the paths that it serves to anybody."""
RESOURCES = {"nodes": "Node", "namespaces": "Namespace", "configmaps": "ConfigMap", "secrets": "Secret", "pods": "Pod", "services": "Service",
             "serviceaccounts": "ServiceAccount", "daemonsets": "DaemonSet", "deployments": "Deployment",
             "clusterroles": "ClusterRole", "clusterrolebindings": "ClusterRoleBinding", "poddisruptionbudgets": "PodDisruptionBudget"}
GROUPS = {"daemonsets": "apps", "deployments": "apps", "clusterroles": "rbac.authorization.k8s.io",
          "clusterrolebindings": "rbac.authorization.k8s.io", "poddisruptionbudgets": "policy"}
CLUSTER_WIDE = ("nodes", "namespaces", "clusterroles", "clusterrolebindings")
OPEN = ("/healthz", "/readyz", "/livez", "/version")
