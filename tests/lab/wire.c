/* wire A B DELAY_MS LOSS_PERMILLE: joins two network interfaces, both ways, with delay and random loss. It does what
 * the kernel's sch_netem would, for kernels that lack it. Packets pass with their virtio-net header (PACKET_VNET_HDR),
 * so segmentation offload goes on working across the joint. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SLOTS 4096 /* packets under way; more are lost, as on a full queue */
#define LARGEST (65536 + 64)

struct packet {
    long long due_us;
    int to;
    size_t len;
    unsigned char *data;
};

static struct packet ring[SLOTS];
static unsigned head, tail;

static long long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int open_on(const char *name)
{
    int on = 1;
    int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    struct sockaddr_ll sa = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
    struct packet_mreq all = {.mr_ifindex = sa.sll_ifindex, .mr_type = PACKET_MR_PROMISC};

    if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) ||
        bind(fd, (struct sockaddr *)&sa, sizeof sa)) {
        perror(name);
        exit(1);
    }
    return fd;
}

static void take(int from, int to, long long delay_us, int loss)
{
    static unsigned char buf[LARGEST];
    ssize_t n = recv(from, buf, sizeof buf, MSG_DONTWAIT);
    struct packet *p;

    if (n <= 0 || head - tail == SLOTS || (loss > 0 && random() % 1000 < loss))
        return;
    p = &ring[head % SLOTS];
    p->data = malloc((size_t)n);
    if (!p->data)
        return;
    memcpy(p->data, buf, (size_t)n);
    p->len = (size_t)n;
    p->to = to;
    p->due_us = now_us() + delay_us;
    head++;
}

static void deliver(void)
{
    for (; head != tail && ring[tail % SLOTS].due_us <= now_us(); tail++) {
        struct packet *p = &ring[tail % SLOTS];
        if (send(p->to, p->data, p->len, 0) < 0)
            perror("wire: send"); /* as lost: the peer is down or its queue is full */
        free(p->data);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: wire A B DELAY_MS LOSS_PERMILLE\n");
        return 64;
    }
    int fd[2] = {open_on(argv[1]), open_on(argv[2])};
    long long delay_us = atoll(argv[3]) * 1000;
    int loss = atoi(argv[4]);

    for (;;) {
        struct pollfd p[2] = {{fd[0], POLLIN, 0}, {fd[1], POLLIN, 0}};
        long long left = head == tail ? 0 : ring[tail % SLOTS].due_us - now_us();
        if (left < 0)
            left = 0;
        struct timespec ts = {left / 1000000, left % 1000000 * 1000};
        if (ppoll(p, 2, head == tail ? NULL : &ts, NULL) < 0) {
            perror("wire: poll");
            return 1;
        }
        for (int i = 0; i < 2; i++)
            if (p[i].revents)
                take(fd[i], fd[!i], delay_us, loss);
        deliver();
    }
}
