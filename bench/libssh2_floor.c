/* libssh2_floor THREADS KEY SCRIPT HOSTS: runs SCRIPT by `sh -s` on every address in the file HOSTS, and does nothing else:
 * no known_hosts, no reading of answers beyond counting bytes. What is left when a client has no work of its own. */
#include <arpa/inet.h>
#include <libssh2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOSTS_MAX 20000

static char *hosts[HOSTS_MAX];
static int n_hosts, next_host, failed;
static const char *key;
static char *script;
static size_t script_len;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int dial(const char *address)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(22)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 &&
        (inet_pton(AF_INET, address, &sa.sin_addr) != 1 || connect(fd, (struct sockaddr *)&sa, sizeof sa))) {
        close(fd);
        return -1;
    }
    return fd;
}

static int converse(LIBSSH2_CHANNEL *c)
{
    char buf[32768];
    size_t sent = 0, got = 0;
    ssize_t n;

    if (libssh2_channel_exec(c, "sh -s"))
        return -1;
    while (sent < script_len) {
        n = libssh2_channel_write(c, script + sent, script_len - sent);
        if (n < 0)
            return -1;
        sent += (size_t)n;
    }
    libssh2_channel_send_eof(c);
    while ((n = libssh2_channel_read(c, buf, sizeof buf)) > 0)
        got += (size_t)n;
    if (n < 0 || got == 0 || libssh2_channel_close(c) || libssh2_channel_wait_closed(c))
        return -1;
    return libssh2_channel_get_exit_status(c);
}

static int ask(const char *address)
{
    int rc = -1, fd = dial(address);
    LIBSSH2_SESSION *s;
    LIBSSH2_CHANNEL *c;

    if (fd < 0)
        return -1;
    s = libssh2_session_init();
    if (s && !libssh2_session_handshake(s, fd) && !libssh2_userauth_publickey_fromfile(s, "root", NULL, key, NULL) &&
        (c = libssh2_channel_open_session(s))) {
        rc = converse(c);
        libssh2_channel_free(c);
    }
    if (s) {
        libssh2_session_disconnect(s, "done");
        libssh2_session_free(s);
    }
    close(fd);
    return rc;
}

static void *worker(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&lock);
        int i = next_host < n_hosts ? next_host++ : -1;
        pthread_mutex_unlock(&lock);
        if (i < 0)
            return NULL;
        if (ask(hosts[i])) {
            pthread_mutex_lock(&lock);
            failed++;
            pthread_mutex_unlock(&lock);
        }
    }
}

static int read_inputs(const char *script_file, const char *hosts_file)
{
    char line[64];
    FILE *f = fopen(script_file, "r");

    if (!f || getdelim(&script, &(size_t){0}, '\0', f) < 0)
        return -1;
    fclose(f);
    script_len = strlen(script);
    if (!(f = fopen(hosts_file, "r")))
        return -1;
    while (n_hosts < HOSTS_MAX && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        hosts[n_hosts++] = strdup(line);
    }
    fclose(f);
    return 0;
}

int main(int argc, char **argv)
{
    pthread_t threads[256];
    pthread_attr_t attr;
    int n = argc == 5 ? atoi(argv[1]) : 0;

    if (n < 1 || n > 256 || read_inputs(argv[3], argv[4])) {
        fprintf(stderr, "usage: libssh2_floor THREADS KEY SCRIPT HOSTS\n");
        return 64;
    }
    key = argv[2];
    if (libssh2_init(0))
        return 1;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], &attr, worker, NULL))
            return 1;
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    libssh2_exit();
    if (failed)
        fprintf(stderr, "%d of %d endpoints failed\n", failed, n_hosts);
    return failed != 0;
}
