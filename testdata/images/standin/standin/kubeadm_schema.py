"""Which fields the configuration documents have, and of which type: kubeadm.k8s.io/v1beta2 to v1beta4,
kubelet.config.k8s.io/v1beta1 and kubeproxy.config.k8s.io/v1alpha1, after their published references."""
import re

S, I, B, F, DUR, SS, MAP, BMAP, ANY = "string", "int", "bool", "float", "duration", "[]string", "map[string]string", "map[string]bool", "any"
TAINT = [{"key": S, "value": S, "effect": S, "timeAdded": S}]
ARGS = MAP
ARG_LIST = [{"name": S, "value": S}]
ENVS = [{"name": S, "value": S, "valueFrom": ANY}]
VOLUMES = [{"name": S, "hostPath": S, "mountPath": S, "readOnly": B, "pathType": S}]
ENDPOINT = {"advertiseAddress": S, "bindPort": I}
TIMEOUTS = {k: DUR for k in ("controlPlaneComponentHealthCheck", "kubeletHealthCheck", "kubernetesAPICall", "etcdAPICall", "tlsBootstrap",
                             "discovery", "upgradeManifests")}
DURATION = re.compile(r"^[-+]?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$|^0$")


def registration(api):
    out = {"name": S, "criSocket": S, "taints": TAINT, "kubeletExtraArgs": ARG_LIST if api == "v1beta4" else ARGS, "ignorePreflightErrors": SS}
    if api != "v1beta2":
        out["imagePullPolicy"] = S
    if api == "v1beta4":
        out["imagePullSerial"] = B
    return out


def component(api):
    out = {"extraArgs": ARG_LIST if api == "v1beta4" else ARGS, "extraVolumes": VOLUMES}
    if api == "v1beta4":
        out["extraEnvs"] = ENVS
    return out


def kubeadm_kinds(api):
    etcd_local = {"imageRepository": S, "imageTag": S, "dataDir": S, "serverCertSANs": SS, "peerCertSANs": SS,
                  "extraArgs": ARG_LIST if api == "v1beta4" else ARGS}
    if api == "v1beta4":
        etcd_local["extraEnvs"] = ENVS
    tokens = [{"token": S, "description": S, "ttl": DUR, "expires": S, "usages": SS, "groups": SS}]
    init = {"bootstrapTokens": tokens, "nodeRegistration": registration(api), "localAPIEndpoint": ENDPOINT, "certificateKey": S}
    cluster = {"etcd": {"local": etcd_local, "external": {"endpoints": SS, "caFile": S, "certFile": S, "keyFile": S}},
               "networking": {"serviceSubnet": S, "podSubnet": S, "dnsDomain": S}, "kubernetesVersion": S, "controlPlaneEndpoint": S,
               "apiServer": dict(component(api), certSANs=SS), "controllerManager": component(api), "scheduler": component(api),
               "dns": {"imageRepository": S, "imageTag": S}, "certificatesDir": S, "imageRepository": S, "featureGates": BMAP, "clusterName": S}
    join = {"nodeRegistration": registration(api), "caCertPath": S,
            "discovery": {"bootstrapToken": {"token": S, "apiServerEndpoint": S, "caCertHashes": SS, "unsafeSkipCAVerification": B},
                          "file": {"kubeConfigPath": S}, "tlsBootstrapToken": S, "timeout": DUR},
            "controlPlane": {"localAPIEndpoint": ENDPOINT, "certificateKey": S}}
    if api == "v1beta2":
        cluster.update(useHyperKubeImage=B)
        cluster["dns"] = {"type": S, "imageRepository": S, "imageTag": S}
    else:
        init.update(skipPhases=SS, patches={"directory": S})
        join.update(skipPhases=SS, patches={"directory": S})
    if api == "v1beta4":
        init.update(dryRun=B, timeouts=TIMEOUTS)
        join.update(dryRun=B, timeouts=TIMEOUTS)
        cluster.update(certificateValidityPeriod=DUR, caCertificateValidityPeriod=DUR, encryptionAlgorithm=S, proxy={"disabled": B})
        cluster["dns"]["disabled"] = B
        del join["discovery"]["timeout"]
    else:
        cluster["apiServer"]["timeoutForControlPlane"] = DUR
    return {"InitConfiguration": init, "ClusterConfiguration": cluster, "JoinConfiguration": join}


def _fields(kind, words):
    return dict.fromkeys(words.split(), kind)


LOGGING = {"format": S, "flushFrequency": ANY, "verbosity": I, "vmodule": ANY, "options": ANY}
KUBELET = {
    **_fields(B, "enableServer rotateCertificates serverTLSBootstrap enableDebuggingHandlers failSwapOn makeIPTablesUtilChains cgroupsPerQOS "
              "serializeImagePulls enableProfilingHandler enableDebugFlagsHandler enableSystemLogHandler enableSystemLogQuery enableContentionProfiling "
              "enableControllerAttachDetach protectKernelDefaults localStorageCapacityIsolation registerNode seccompDefault cpuCFSQuota"
              ),
    **_fields(I, "port readOnlyPort healthzPort oomScoreAdj registryPullQPS registryBurst eventRecordQPS eventBurst maxPods podPidsLimit "
              "kubeAPIQPS kubeAPIBurst iptablesMasqueradeBit iptablesDropBit imageGCHighThresholdPercent imageGCLowThresholdPercent maxOpenFiles "
              "podsPerCore containerLogMaxFiles nodeStatusMaxImages maxParallelImagePulls evictionMaxPodGracePeriod containerLogMaxWorkers "
              "nodeLeaseDurationSeconds"),
    **_fields(DUR, "syncFrequency fileCheckFrequency httpCheckFrequency streamingConnectionIdleTimeout nodeStatusUpdateFrequency "
              "nodeStatusReportFrequency imageMinimumGCAge imageMaximumGCAge volumeStatsAggPeriod runtimeRequestTimeout evictionPressureTransitionPeriod "
              "cpuManagerReconcilePeriod cpuCFSQuotaPeriod shutdownGracePeriod shutdownGracePeriodCriticalPods containerLogMonitorInterval"),
    **_fields(S, "staticPodPath staticPodURL podLogsDir address tlsCertFile tlsPrivateKeyFile tlsMinVersion healthzBindAddress clusterDomain "
              "kubeletCgroups systemCgroups cgroupRoot cgroupDriver cpuManagerPolicy memoryManagerPolicy topologyManagerPolicy topologyManagerScope "
              "hairpinMode podCIDR resolvConf contentType containerLogMaxSize configMapAndSecretChangeDetectionStrategy systemReservedCgroup "
              "kubeReservedCgroup reservedSystemCPUs showHiddenMetricsForVersion volumePluginDir providerID containerRuntimeEndpoint "
              "imageServiceEndpoint"),
    **_fields(SS, "tlsCipherSuites clusterDNS enforceNodeAllocatable allowedUnsafeSysctls"),
    **_fields(MAP, "staticPodURLHeader evictionHard evictionSoft evictionSoftGracePeriod evictionMinimumReclaim systemReserved kubeReserved "
              "qosReserved cpuManagerPolicyOptions topologyManagerPolicyOptions"),
    "authentication": {"x509": {"clientCAFile": S}, "webhook": {"enabled": B, "cacheTTL": DUR}, "anonymous": {"enabled": B}},
    "authorization": {"mode": S, "webhook": {"cacheAuthorizedTTL": DUR, "cacheUnauthorizedTTL": DUR}},
    "featureGates": BMAP, "logging": LOGGING, "memorySwap": {"swapBehavior": S}, "registerWithTaints": TAINT, "tracing": ANY,
    "shutdownGracePeriodByPodPriority": ANY, "reservedMemory": ANY, "memoryThrottlingFactor": F, "crashLoopBackOff": ANY}
PROXY = {
    **_fields(S, "bindAddress healthzBindAddress metricsBindAddress clusterCIDR hostnameOverride mode portRange udpIdleTimeout "
              "showHiddenMetricsForVersion"),
    **_fields(B, "bindAddressHardFail enableProfiling windowsRunAsService"), **_fields(DUR, "configSyncPeriod"), **_fields(SS, "nodePortAddresses"),
    "featureGates": BMAP, "logging": LOGGING, "oomScoreAdj": I, "detectLocalMode": S,
    "clientConnection": {"kubeconfig": S, "acceptContentTypes": S, "contentType": S, "qps": F, "burst": I},
    "iptables": {"masqueradeBit": I, "masqueradeAll": B, "localhostNodePorts": B, "syncPeriod": DUR, "minSyncPeriod": DUR},
    "ipvs": {"syncPeriod": DUR, "minSyncPeriod": DUR, "scheduler": S, "excludeCIDRs": SS, "strictARP": B, "tcpTimeout": DUR, "tcpFinTimeout": DUR,
             "udpTimeout": DUR},
    "winkernel": ANY, "nftables": ANY, "detectLocal": {"bridgeInterface": S, "interfaceNamePrefix": S},
    "conntrack": {"maxPerCore": I, "min": I, "tcpEstablishedTimeout": DUR, "tcpCloseWaitTimeout": DUR, "tcpBeLiberal": B, "udpTimeout": DUR,
                  "udpStreamTimeout": DUR}}
COMPONENT_GROUPS = {"KubeletConfiguration": ("kubelet.config.k8s.io/v1beta1", KUBELET), "KubeProxyConfiguration": ("kubeproxy.config.k8s.io/v1alpha1", PROXY)}

_PYTHON = {S: str, B: bool}


def _go(value):
    if isinstance(value, bool):
        return "bool"
    return {dict: "object", list: "array", str: "string", int: "number", float: "number"}.get(type(value), "value")


def _walk(value, schema, where, out):
    def bad(go_type, found=value):
        out.append("json: cannot unmarshal %s into Go struct field %s of type %s" % (_go(found), where, go_type))
    if value is None or schema == ANY:
        return
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return bad("struct")
        for k, v in value.items():
            if k not in schema:
                out.append("strict decoding error: unknown field \"%s\"" % (where + "." + str(k) if where else k))
            else:
                _walk(v, schema[k], where + "." + k if where else k, out)
    elif isinstance(schema, list):
        if not isinstance(value, list):
            return bad("[]struct")
        for i, v in enumerate(value):
            _walk(v, schema[0], "%s[%d]" % (where, i), out)
    elif schema in (MAP, BMAP):
        inner = schema[len("map[string]"):]
        if not isinstance(value, dict):
            return bad(schema)
        for v in value.values():
            if not isinstance(v, _PYTHON[inner]):
                bad(inner, v)
    elif schema == SS:
        if not isinstance(value, list) or any(not isinstance(v, str) for v in value):
            bad(schema)
    elif schema == DUR:
        if not isinstance(value, str) or not DURATION.match(value):
            out.append("time: invalid duration \"%s\" (%s)" % (value, where))
    elif schema == I:
        if isinstance(value, bool) or not isinstance(value, int):
            bad("int32")
    elif schema == F:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            bad("float32")
    elif not isinstance(value, _PYTHON[schema]):
        bad(schema)
    return None


def check(document, kind, api=None):
    """What is wrong with the document's fields, in words; [] where nothing is."""
    out = []
    if kind in COMPONENT_GROUPS:
        version, schema = COMPONENT_GROUPS[kind]
    else:
        version, schema = "kubeadm.k8s.io/" + api, kubeadm_kinds(api)[kind]
    if not isinstance(document, dict) or document.get("kind") != kind or document.get("apiVersion") != version:
        return ["no kind \"%s\" is registered for version \"%s\"" % (kind, (document or {}).get("apiVersion", "") if isinstance(document, dict) else "")]
    _walk({k: v for k, v in document.items() if k not in ("kind", "apiVersion", "metadata")}, schema, "", out)
    return out
