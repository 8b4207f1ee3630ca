/* A disk without space left for one program, as long as a file says so. Preloaded, so that the
 * program itself stays as it is.
 *
 * FULL_DISK is how the paths of the files begin that are on this disk: a database, its log, its
 * index. What becomes of them stands in the file FULL_DISK + ".is-full"; while there is none, or
 * an empty one, the disk has space:
 *
 *   blocks  files cannot grow: what is beyond their last block is cut off, as ext4 and xfs do
 *   writes  nothing can be written, not even over what is there, as btrfs and zfs do
 *   once    as `writes`, for a moment: one write finds no space, the next one does
 *   flush   writes are taken, and fdatasync finds out, as network disks and thin volumes do
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK 4096
#define FLAG "%s.is-full"

static int is_on_disk(int fd, const char *disk) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  return length > 0 && (size_t)length >= strlen(disk) && !strncmp(path, disk, strlen(disk));
}

/* The first letter of what happens to this file: b, w, o, f, or 0 where there is space. */
static char trouble(int fd) {
  int before = errno;
  char flag[PATH_MAX], letter = 0;
  const char *disk = getenv("FULL_DISK");
  if (disk == NULL) return 0;
  snprintf(flag, sizeof flag, FLAG, disk);
  int file = open(flag, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    if (read(file, &letter, 1) != 1 || !is_on_disk(fd, disk)) letter = 0;
    close(file);
  }
  errno = before;
  return letter;
}

static void forget(void) {
  char flag[PATH_MAX];
  snprintf(flag, sizeof flag, FLAG, getenv("FULL_DISK"));
  unlink(flag);
}

/* How many of these bytes the disk takes at this place. */
static size_t room(int fd, size_t count, off_t offset) {
  struct stat found;
  char letter = trouble(fd);
  if (letter == 'o') forget();
  if (letter == 'w' || letter == 'o') return 0;
  if (letter != 'b' || fstat(fd, &found) != 0) return count;
  off_t end = (found.st_size + BLOCK - 1) / BLOCK * BLOCK;
  off_t left = end > offset ? end - offset : 0;
  return (off_t)count < left ? count : (size_t)left;
}

static ssize_t no_space(void) {
  errno = ENOSPC;
  return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset) {
  size_t taken = room(fd, count, offset);
  return taken || !count ? syscall(SYS_pwrite64, fd, bytes, taken, offset) : no_space();
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  return pwrite64(fd, bytes, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  /* A pipe has no place in it, and no disk. */
  off_t offset = lseek(fd, 0, SEEK_CUR);
  size_t taken = offset < 0 ? count : room(fd, count, offset);
  return taken || !count ? syscall(SYS_write, fd, bytes, taken) : no_space();
}

int posix_fallocate64(int fd, off_t offset, off_t length) {
  static int (*real)(int, off_t, off_t);
  if (real == NULL) real = dlsym(RTLD_NEXT, "posix_fallocate64");
  return room(fd, length, offset) < (size_t)length ? ENOSPC : real(fd, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
  return posix_fallocate64(fd, offset, length);
}

int fdatasync(int fd) {
  return trouble(fd) == 'f' ? (int)no_space() : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
  return trouble(fd) == 'f' ? (int)no_space() : (int)syscall(SYS_fsync, fd);
}
