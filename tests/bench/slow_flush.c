/* A slower disk for one program: each of its fdatasync calls takes at least SLOW_FLUSH_US
 * microseconds. Preloaded, so that the program itself stays as it is; the flush is done all the
 * same, and the wait costs no CPU, as that for a disk does not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int fd) {
  static long slow_us = -1;
  if (slow_us < 0) {
    const char *told = getenv("SLOW_FLUSH_US");
    slow_us = told ? atol(told) : 0;
  }
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  int result = syscall(SYS_fdatasync, fd), error = errno;
  until.tv_sec += slow_us / 1000000;
  until.tv_nsec += slow_us % 1000000 * 1000;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
  }
  errno = error;
  return result;
}
