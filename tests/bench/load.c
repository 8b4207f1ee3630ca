/* A closed loop of clients: each sends its next request when its last answer is complete.
 *
 *   load REQUESTS SIZE PORTS CLIENTS SECONDS EVENTS
 *
 * REQUESTS is a file of requests of SIZE bytes each, which are sent in turn; PORTS a list such as
 * 8001,8002 that the clients are spread over. An answer counts when its status is 200 and it has
 * EVENTS lines of data, the last of them [DONE]; 0 events stand for an answer that does not stream.
 *
 * Prints one JSON object: requests, errors, seconds, and in milliseconds the p50 and p99 of the time
 * to an answer's end, and the p50 of the time to its first byte. What is under way when the time is
 * over is waited for. Refuses to know more of HTTP than the fixture and the gateways need.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORTS_MAX = 64, ANSWER_MAX = 1 << 18, READY_MAX = 256, POLL_MS = 100 };
static const double PATIENCE_S = 30; /* for what is under way at the end */

typedef struct {
  int fd, port, busy;
  long length;          /* of the body, where the head tells; -1: it comes in chunks */
  size_t have, body;    /* bytes of `answer` that are there; where its body begins, once known */
  long long sent_ns, first_ns;
  char answer[ANSWER_MAX + 1];
} Client;

typedef struct {
  long long *values;
  size_t count, room;
} Series;

static char *requests;
static size_t size, request_count, turn;
static int events_wanted, poller, busy;
static long errors;
static long long until_ns;
static Series whole, first;

static long long now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void append(Series *series, long long value) {
  if (series->count == series->room) {
    series->room = series->room ? 2 * series->room : 1 << 16;
    series->values = realloc(series->values, series->room * sizeof *series->values);
    if (!series->values) fail("load");
  }
  series->values[series->count++] = value;
}

static int compare(const void *left, const void *right) {
  long long a = *(const long long *)left, b = *(const long long *)right;
  return (a > b) - (a < b);
}

/* Return the latency in ms that `percent` of them do not exceed; the series is sorted. */
static double percentile_ms(const Series *series, int percent) {
  return series->values[series->count * percent / 100] / 1e6;
}

static void dial(Client *client) {
  int one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons(client->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  client->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client->fd, (void *)&address, sizeof address)) fail("load: cannot connect");
  setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event wish = {.events = EPOLLIN, .data.ptr = client};
  epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &wish);
}

static void ask(Client *client) {
  busy -= client->busy;
  client->busy = 0;
  if (now_ns() >= until_ns) return;
  client->have = client->body = 0;
  client->first_ns = 0;
  client->sent_ns = now_ns();
  const char *request = requests + turn++ % request_count * size;
  /* What went wrong here is told by the receiving side. */
  (void)!send(client->fd, request, size, MSG_NOSIGNAL);
  client->busy = 1;
  busy++;
}

/* Learn from the head where the body begins and how long it is; return whether the head is there. */
static int read_head(Client *client) {
  static const char name[] = "\r\ncontent-length:";
  if (client->body) return 1;
  char *end = memmem(client->answer, client->have, "\r\n\r\n", 4);
  if (!end) return 0;
  *end = 0;
  char *field = strcasestr(client->answer, name);
  *end = '\r';
  client->length = field ? atol(field + sizeof name - 1) : -1;
  client->body = end + 4 - client->answer;
  return 1;
}

static int is_complete(Client *client) {
  static const char end[] = "\r\n0\r\n\r\n";
  if (!read_head(client)) return 0;
  if (client->length >= 0) return client->have >= client->body + client->length;
  size_t tail = sizeof end - 1;
  return client->have >= client->body + tail &&
         !memcmp(client->answer + client->have - tail, end, tail);
}

static int is_good(const Client *client) {
  static const char line[] = "data: ";
  if (strncmp(client->answer, "HTTP/1.1 200 ", 13)) return 0;
  const char *from = client->answer + client->body, *last = client->answer + client->have;
  const char *event = NULL;
  int events = 0;
  while ((from = memmem(from, last - from, line, sizeof line - 1))) {
    from = event = from + sizeof line - 1;
    events++;
  }
  return events == events_wanted && (!event || !strncmp(event, "[DONE]", 6));
}

static void conclude(Client *client, int good) {
  if (good) {
    append(&whole, now_ns() - client->sent_ns);
    append(&first, client->first_ns - client->sent_ns);
  } else if (!errors++)
    fprintf(stderr, "load: a bad answer:\n%.2000s\n", client->answer);
  ask(client);
}

static void redial(Client *client) {
  int was_busy = client->busy;
  close(client->fd);
  if (now_ns() < until_ns) dial(client);
  if (was_busy) conclude(client, 0);
}

static void receive(Client *client) {
  size_t room = ANSWER_MAX - client->have;
  ssize_t got = recv(client->fd, client->answer + client->have, room, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got > 0 && !client->first_ns) client->first_ns = now_ns();
  if (got > 0) client->have += got;
  client->answer[client->have] = 0;
  if (got <= 0) redial(client);
  else if (is_complete(client)) conclude(client, is_good(client));
}

static void run(Client *clients, int count) {
  struct epoll_event ready[READY_MAX];
  for (int i = 0; i < count; i++) ask(&clients[i]);
  while (busy && now_ns() < until_ns + (long long)(PATIENCE_S * 1e9)) {
    int found = epoll_wait(poller, ready, READY_MAX, POLL_MS);
    for (int i = 0; i < found; i++) receive(ready[i].data.ptr);
  }
  errors += busy;
}

static void read_requests(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) fail(path);
  size_t length = ftell(file);
  rewind(file);
  requests = malloc(length);
  if (fread(requests, 1, length, file) != length) fail(path);
  fclose(file);
  request_count = length / size;
}

static Client *connect_all(char *ports, int count) {
  int port[PORTS_MAX], port_count = 0;
  for (char *word = strtok(ports, ","); word && port_count < PORTS_MAX; word = strtok(NULL, ","))
    port[port_count++] = atoi(word);
  Client *clients = calloc(count, sizeof *clients);
  if (!clients) fail("load");
  for (int i = 0; i < count; i++) {
    clients[i].port = port[i % port_count];
    dial(&clients[i]);
  }
  return clients;
}

static int report(double seconds) {
  if (!whole.count) return fputs("load: no good answer\n", stderr), 1;
  qsort(whole.values, whole.count, sizeof *whole.values, compare);
  qsort(first.values, first.count, sizeof *first.values, compare);
  printf("{\"requests\":%zu,\"errors\":%ld,\"seconds\":%.6f,\"p50_ms\":%.4f,\"p99_ms\":%.4f,"
         "\"first_p50_ms\":%.4f}\n",
         whole.count, errors, seconds, percentile_ms(&whole, 50), percentile_ms(&whole, 99),
         percentile_ms(&first, 50));
  return 0;
}

int main(int count, char **words) {
  if (count != 7) {
    fputs("usage: load REQUESTS SIZE PORTS CLIENTS SECONDS EVENTS\n", stderr);
    return 2;
  }
  size = strtoul(words[2], NULL, 10);
  read_requests(words[1]);
  events_wanted = atoi(words[6]);
  poller = epoll_create1(0);
  Client *clients = connect_all(words[3], atoi(words[4]));
  long long began = now_ns();
  until_ns = began + (long long)(atof(words[5]) * 1e9);
  run(clients, atoi(words[4]));
  return report((now_ns() - began) / 1e9);
}
