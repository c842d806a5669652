#include "model/kubeadm_types.h"

#include <strings.h>

#define B2 KUBEADM_V1BETA2
#define B3 KUBEADM_V1BETA3
#define B4 KUBEADM_V1BETA4
#define FIELDS(f)                                                                                            \
    {                                                                                                        \
        (f), ARRAY_LEN(f)                                                                                    \
    }

static const struct kubeadm_field bootstrap_token_fields[] = {
    {"token", SHAPE_TEXT},   {"description", SHAPE_TEXT}, {"ttl", SHAPE_TEXT},
    {"expires", SHAPE_TEXT}, {"usages", SHAPE_TEXTS},     {"groups", SHAPE_TEXTS},
};
static const struct kubeadm_type bootstrap_token_type = FIELDS(bootstrap_token_fields);

static const struct kubeadm_field taint_fields[] = {
    {"key", SHAPE_TEXT},
    {"value", SHAPE_TEXT},
    {"effect", SHAPE_TEXT},
    {"timeAdded", SHAPE_TEXT},
};
static const struct kubeadm_type taint_type = FIELDS(taint_fields);

static const struct kubeadm_field registration_fields[] = {
    {"name", SHAPE_TEXT},
    {"criSocket", SHAPE_TEXT},
    {"taints", SHAPE_LIST, &taint_type},
    {"kubeletExtraArgs", SHAPE_ARGS},
    {"ignorePreflightErrors", SHAPE_TEXTS},
    {"imagePullPolicy", SHAPE_TEXT, NULL, B3},
    {"imagePullSerial", SHAPE_BOOL, NULL, B4},
};
static const struct kubeadm_type registration_type = FIELDS(registration_fields);

static const struct kubeadm_field endpoint_fields[] = {
    {"advertiseAddress", SHAPE_TEXT},
    {"bindPort", SHAPE_INT},
};
static const struct kubeadm_type endpoint_type = FIELDS(endpoint_fields);

static const struct kubeadm_field patches_fields[] = {{"directory", SHAPE_TEXT}};
static const struct kubeadm_type patches_type = FIELDS(patches_fields);

static const struct kubeadm_field timeouts_fields[] = {
    {"controlPlaneComponentHealthCheck", SHAPE_TEXT},
    {"kubeletHealthCheck", SHAPE_TEXT},
    {"kubernetesAPICall", SHAPE_TEXT},
    {"etcdAPICall", SHAPE_TEXT},
    {"tlsBootstrap", SHAPE_TEXT},
    {"discovery", SHAPE_TEXT},
    {"upgradeManifests", SHAPE_TEXT},
};
static const struct kubeadm_type timeouts_type = FIELDS(timeouts_fields);

static const struct kubeadm_field init_fields[] = {
    {"bootstrapTokens", SHAPE_LIST, &bootstrap_token_type},
    {"dryRun", SHAPE_BOOL, NULL, B4},
    {"nodeRegistration", SHAPE_MAP, &registration_type},
    {"localAPIEndpoint", SHAPE_MAP, &endpoint_type},
    {"certificateKey", SHAPE_TEXT},
    {"skipPhases", SHAPE_TEXTS, NULL, B3},
    {"patches", SHAPE_MAP, &patches_type, B3},
    {"timeouts", SHAPE_MAP, &timeouts_type, B4},
};
const struct kubeadm_type kubeadm_init_type = FIELDS(init_fields);

static const struct kubeadm_field env_fields[] = {
    {"name", SHAPE_TEXT},
    {"value", SHAPE_TEXT},
};
static const struct kubeadm_type env_type = FIELDS(env_fields);

static const struct kubeadm_field volume_fields[] = {
    {"name", SHAPE_TEXT},     {"hostPath", SHAPE_TEXT}, {"mountPath", SHAPE_TEXT},
    {"readOnly", SHAPE_BOOL}, {"pathType", SHAPE_TEXT},
};
static const struct kubeadm_type volume_type = FIELDS(volume_fields);

static const struct kubeadm_field component_fields[] = {
    {"extraArgs", SHAPE_ARGS},
    {"extraVolumes", SHAPE_NAMED, &volume_type},
    {"extraEnvs", SHAPE_NAMED, &env_type, B4},
};
static const struct kubeadm_type component_type = FIELDS(component_fields);

static const struct kubeadm_field apiserver_fields[] = {
    {"extraArgs", SHAPE_ARGS},
    {"extraVolumes", SHAPE_NAMED, &volume_type},
    {"extraEnvs", SHAPE_NAMED, &env_type, B4},
    {"certSANs", SHAPE_SANS},
    {"timeoutForControlPlane", SHAPE_TEXT, NULL, KUBEADM_NONE, B3},
};
static const struct kubeadm_type apiserver_type = FIELDS(apiserver_fields);

static const struct kubeadm_field etcd_local_fields[] = {
    {"imageRepository", SHAPE_TEXT},
    {"imageTag", SHAPE_TEXT},
    {"dataDir", SHAPE_TEXT},
    {"extraArgs", SHAPE_ARGS},
    {"extraEnvs", SHAPE_NAMED, &env_type, B4},
    {"serverCertSANs", SHAPE_SANS},
    {"peerCertSANs", SHAPE_SANS},
};
static const struct kubeadm_type etcd_local_type = FIELDS(etcd_local_fields);

static const struct kubeadm_field etcd_external_fields[] = {
    {"endpoints", SHAPE_TEXTS},
    {"caFile", SHAPE_TEXT},
    {"certFile", SHAPE_TEXT},
    {"keyFile", SHAPE_TEXT},
};
static const struct kubeadm_type etcd_external_type = FIELDS(etcd_external_fields);

static const struct kubeadm_field etcd_fields[] = {
    {"local", SHAPE_MAP, &etcd_local_type},
    {"external", SHAPE_MAP, &etcd_external_type},
};
const struct kubeadm_type kubeadm_etcd_type = FIELDS(etcd_fields);

static const struct kubeadm_field networking_fields[] = {
    {"serviceSubnet", SHAPE_TEXT},
    {"podSubnet", SHAPE_TEXT},
    {"dnsDomain", SHAPE_TEXT},
};
static const struct kubeadm_type networking_type = FIELDS(networking_fields);

static const struct kubeadm_field dns_fields[] = {
    {"type", SHAPE_TEXT, NULL, KUBEADM_NONE, B2},
    {"imageRepository", SHAPE_TEXT},
    {"imageTag", SHAPE_TEXT},
    {"disabled", SHAPE_BOOL, NULL, B4},
};
static const struct kubeadm_type dns_type = FIELDS(dns_fields);

static const struct kubeadm_field proxy_fields[] = {{"disabled", SHAPE_BOOL}};
static const struct kubeadm_type proxy_type = FIELDS(proxy_fields);

static const struct kubeadm_field cluster_fields[] = {
    {"kubernetesVersion", SHAPE_TEXT},
    {"controlPlaneEndpoint", SHAPE_TEXT},
    {"clusterName", SHAPE_TEXT},
    {"certificatesDir", SHAPE_TEXT},
    {"imageRepository", SHAPE_TEXT},
    {"useHyperKubeImage", SHAPE_BOOL, NULL, KUBEADM_NONE, B2},
    {"featureGates", SHAPE_FREE},
    {"networking", SHAPE_MAP, &networking_type},
    {"apiServer", SHAPE_MAP, &apiserver_type},
    {"controllerManager", SHAPE_MAP, &component_type},
    {"scheduler", SHAPE_MAP, &component_type},
    {"etcd", SHAPE_MAP, &kubeadm_etcd_type},
    {"dns", SHAPE_MAP, &dns_type},
    {"proxy", SHAPE_MAP, &proxy_type, B4},
    {"encryptionAlgorithm", SHAPE_TEXT, NULL, B4},
    {"certificateValidityPeriod", SHAPE_TEXT, NULL, B4},
    {"caCertificateValidityPeriod", SHAPE_TEXT, NULL, B4},
    /* kubeadm's internal type, which `sealos gen` once printed */
    {"ciImageRepository", SHAPE_DROP},
    {"ciKubernetesVersion", SHAPE_DROP},
    {"componentConfigs", SHAPE_DROP},
};
const struct kubeadm_type kubeadm_cluster_type = FIELDS(cluster_fields);

static const struct kubeadm_field token_discovery_fields[] = {
    {"token", SHAPE_TEXT},
    {"apiServerEndpoint", SHAPE_TEXT},
    {"caCertHashes", SHAPE_TEXTS},
    {"unsafeSkipCAVerification", SHAPE_BOOL},
};
static const struct kubeadm_type token_discovery_type = FIELDS(token_discovery_fields);

static const struct kubeadm_field file_discovery_fields[] = {{"kubeConfigPath", SHAPE_TEXT}};
static const struct kubeadm_type file_discovery_type = FIELDS(file_discovery_fields);

static const struct kubeadm_field discovery_fields[] = {
    {"bootstrapToken", SHAPE_MAP, &token_discovery_type},
    {"file", SHAPE_MAP, &file_discovery_type},
    {"tlsBootstrapToken", SHAPE_TEXT},
    {"timeout", SHAPE_TEXT, NULL, KUBEADM_NONE, B3},
};
static const struct kubeadm_type discovery_type = FIELDS(discovery_fields);

static const struct kubeadm_field control_plane_fields[] = {
    {"localAPIEndpoint", SHAPE_MAP, &endpoint_type},
    {"certificateKey", SHAPE_TEXT},
};
static const struct kubeadm_type control_plane_type = FIELDS(control_plane_fields);

static const struct kubeadm_field join_fields[] = {
    {"dryRun", SHAPE_BOOL, NULL, B4},
    {"nodeRegistration", SHAPE_MAP, &registration_type},
    {"caCertPath", SHAPE_TEXT},
    {"discovery", SHAPE_MAP, &discovery_type},
    {"controlPlane", SHAPE_MAP, &control_plane_type},
    {"skipPhases", SHAPE_TEXTS, NULL, B3},
    {"patches", SHAPE_MAP, &patches_type, B3},
    {"timeouts", SHAPE_MAP, &timeouts_type, B4},
};
const struct kubeadm_type kubeadm_join_type = FIELDS(join_fields);

const struct kubeadm_field *kubeadm_field_find(const struct kubeadm_type *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcasecmp(t->fields[i].name, name) == 0)
            return &t->fields[i];
    return NULL;
}
