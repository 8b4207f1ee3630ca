/* An upstream that answers at once: about the least that a chat completion can cost.
 *
 *   upstream PORT WHOLE STREAM
 *
 * WHOLE and STREAM are files with the bytes of an answer, its HTTP head included. A request that
 * says "stream": true is answered with the stream, in one write, or with one event every N ms where
 * it says "pace_ms": N; any other request with the whole answer.
 *
 * Refuses to know more of HTTP than where a head ends and what Content-Length says, and to take
 * requests above REQUEST_MAX bytes: it hangs up on them.
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

enum { CLIENTS_MAX = 4096, REQUEST_MAX = 1 << 16, EVENTS_MAX = 4096, READY_MAX = 256 };

typedef struct {
  char *bytes;
  size_t length;
} Piece;

typedef struct {
  Piece unsent;           /* what is left of the piece under way */
  int event;              /* the next event of a paced stream; 0: there is none */
  long pace_ms;
  long long due_ns;       /* when that event goes out */
  size_t have;            /* bytes of `request` that are there */
  char request[REQUEST_MAX + 1];
} Client;

static Client *clients[CLIENTS_MAX];
static int highest, poller;
static Piece whole, stream, events[EVENTS_MAX];
static int event_count;

static long long now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static Piece read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path);
  fseek(file, 0, SEEK_END);
  Piece piece = {.length = ftell(file)};
  rewind(file);
  piece.bytes = malloc(piece.length + 1);
  if (fread(piece.bytes, 1, piece.length, file) != piece.length) fail(path);
  fclose(file);
  return piece;
}

/* Cut the stream after each event; the head goes with the first, the closing chunk with the last. */
static void cut_stream(void) {
  static const char end[] = "\n\n\r\n";
  char *from = stream.bytes, *last = stream.bytes + stream.length;
  while (event_count < EVENTS_MAX) {
    char *found = memmem(from, last - from, end, sizeof end - 1);
    if (!found) break;
    char *next = found + sizeof end - 1;
    events[event_count++] = (Piece){from, next - from};
    from = next;
  }
  if (!event_count) fail("no event in the stream");
  events[event_count - 1].length += last - from;
}

static void leave(int fd) {
  free(clients[fd]);
  clients[fd] = NULL;
  close(fd);
}

/* Return what comes after `name` and a colon within the first request, or NULL. */
static const char *value_of(const Client *client, size_t size, const char *name) {
  const char *found = memmem(client->request, size, name, strlen(name));
  if (!found) return NULL;
  found += strlen(name);
  return found + strspn(found, " :");
}

/* Return the length of the first request where it is there in full, or 0. */
static size_t request_size(const Client *client) {
  static const char name[] = "\r\ncontent-length:";
  const char *end = memmem(client->request, client->have, "\r\n\r\n", 4);
  if (!end) return 0;
  const char *field = strcasestr(client->request, name);
  size_t body = field && field < end ? strtoul(field + sizeof name - 1, NULL, 10) : 0;
  size_t size = end + 4 - client->request + body;
  return size <= client->have ? size : 0;
}

static void answer(Client *client, size_t size) {
  const char *streams = value_of(client, size, "\"stream\"");
  const char *pace = value_of(client, size, "\"pace_ms\"");
  if (!streams || strncmp(streams, "true", 4)) client->unsent = whole;
  else if (!pace) client->unsent = stream;
  else {
    client->unsent = events[0];
    client->event = 1;
    client->pace_ms = atol(pace);
    client->due_ns = now_ns() + client->pace_ms * 1000000LL;
  }
  client->have -= size;
  memmove(client->request, client->request + size, client->have + 1);
}

/* Take up the next thing to send, of a paced stream or of the next request; return whether there is. */
static int take_up(Client *client) {
  if (client->event && client->event < event_count) {
    if (client->due_ns > now_ns()) return 0;
    client->unsent = events[client->event++];
    client->due_ns += client->pace_ms * 1000000LL;
    return 1;
  }
  client->event = 0;
  size_t size = request_size(client);
  if (size) answer(client, size);
  return size != 0;
}

static void serve(int fd) {
  Client *client = clients[fd];
  do {
    while (client->unsent.length) {
      ssize_t sent = send(fd, client->unsent.bytes, client->unsent.length, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) leave(fd);
        return;
      }
      client->unsent.bytes += sent;
      client->unsent.length -= sent;
    }
  } while (take_up(client));
}

/* Receive what is there, which edge-triggered polling tells only once; then serve it. */
static void receive(int fd) {
  Client *client = clients[fd];
  for (;;) {
    size_t room = REQUEST_MAX - client->have;
    ssize_t got = recv(fd, client->request + client->have, room, 0);
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) {
      leave(fd);
      return;
    }
    client->have += got;
    client->request[client->have] = 0;
    if ((size_t)got < room) break;
  }
  serve(fd);
}

static void welcome(int listener) {
  int fd, one = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    if (fd >= CLIENTS_MAX || !(clients[fd] = calloc(1, sizeof(Client)))) {
      close(fd);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (fd > highest) highest = fd;
    struct epoll_event wish = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wish);
  }
}

/* Send the events that are due; return the milliseconds until the next one, or -1. */
static int send_due(void) {
  long long now = now_ns(), next = 0;
  for (int fd = 0; fd <= highest; fd++) {
    if (clients[fd] && clients[fd]->event && clients[fd]->due_ns <= now) serve(fd);
    /* The room that a blocked one waits for is told by the poller. */
    Client *client = clients[fd];
    if (!client || !client->event || client->unsent.length) continue;
    if (!next || client->due_ns < next) next = client->due_ns;
  }
  if (!next) return -1;
  return next <= now ? 0 : (next - now + 999999) / 1000000;
}

static int listen_on(int port) {
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 1024)) fail("upstream");
  struct epoll_event wish = {.events = EPOLLIN, .data.fd = listener};
  poller = epoll_create1(0);
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &wish);
  return listener;
}

int main(int count, char **words) {
  if (count != 4) return fputs("usage: upstream PORT WHOLE STREAM\n", stderr), 2;
  whole = read_file(words[2]);
  stream = read_file(words[3]);
  cut_stream();
  int listener = listen_on(atoi(words[1]));
  struct epoll_event ready[READY_MAX];
  for (;;) {
    int found = epoll_wait(poller, ready, READY_MAX, send_due());
    for (int i = 0; i < found; i++) {
      int fd = ready[i].data.fd;
      if (fd == listener) welcome(listener);
      else if (clients[fd]) receive(fd);
    }
  }
}
