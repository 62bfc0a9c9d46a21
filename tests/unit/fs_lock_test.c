/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/file.h>
#include <time.h>

#include "tests/unit/fs_client.h"
#include "tests/unit/tap.h"

static struct world world;
static struct client *c;
static uint64_t top, n, fh; /* a file, open for both */
static int host;            /* the same on the host */

/* What done() was told. */
static struct {
	uint64_t token;
	unsigned count;
} answered;

static void hand_over(void);

static void done(void *arg, uint64_t token, uint32_t written)
{
	(void)arg;
	CHECK(written == 16);
	answered.token = token;
	answered.count++;
	hand_over();
}

static void begin(enum vm_fs kind)
{
	struct fs *fs = server_with((struct fs_config){.kind = kind, .done = done});

	answered.count = 0;
	world_make(&world);
	CHECK(attach(fs, "t", world.tree, false) == 0);
	c = client_new(fs);
	CHECK(init(c) == sizeof(struct fuse_init_out));
	CHECK(lookup(c, 1, "t", &top) == 0);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &fh) == 0);
	host = openat(world.tree, "f", O_RDWR | O_CLOEXEC);
}

static void end(void)
{
	fd_close(&host);
	fs_free(c->fs);
	client_free(c);
	world_end(&world);
}

static int lock_by(uint32_t op, uint64_t handle, uint64_t owner, uint32_t type,
		   uint64_t start, uint64_t last, uint32_t flags)
{
	struct fuse_lk_in in = {.fh = handle,
				.owner = owner,
				.lk = {.start = start, .end = last, .type = type},
				.lk_flags = flags};

	return ask(c, op, n, op == FUSE_GETLK ? sizeof(struct fuse_lk_out) : 0, PART(in),
		   NOTHING);
}

static int posix(uint64_t owner, uint32_t type, uint64_t start, uint64_t last)
{
	return lock_by(FUSE_SETLK, fh, owner, type, start, last, 0);
}

static int flock_by(uint32_t op, uint64_t handle, uint32_t type)
{
	return lock_by(op, handle, 1, type, 0, INT64_MAX, FUSE_LK_FLOCK);
}

/* Whether the host can have this range now, by an open file of its own. */
static bool host_can(short type, off_t start, off_t len)
{
	struct flock fl = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
	bool can = fcntl(host, F_OFD_SETLK, &fl) == 0;

	fl.l_type = F_UNLCK;
	(void)fcntl(host, F_OFD_SETLK, &fl);
	return can;
}

/* Calls fs_poll as a worker would, until an answer is there or a second has gone. */
static bool poll_for(unsigned count)
{
	for (int i = 0; i < 1000 && answered.count < count; i++) {
		int ms = fs_poll(c->w);

		if (ms < 0)
			break;
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return answered.count == count;
}

static int answer_error(void)
{
	return ((struct fuse_out_header *)(void *)c->answer)->error;
}

static void posix_locks_hold_on_the_host(void)
{
	begin(VM_FS_SHARED);
	CHECK(posix(1, F_WRLCK, 0, 9) == 0);
	CHECK(!host_can(F_WRLCK, 0, 1) && !host_can(F_RDLCK, 9, 1));
	CHECK(host_can(F_WRLCK, 10, 0));
	CHECK(posix(2, F_WRLCK, 5, 20) == -EAGAIN);
	CHECK(posix(2, F_RDLCK, 10, INT64_MAX) == 0);
	CHECK(host_can(F_RDLCK, 1 << 20, 0) && !host_can(F_WRLCK, 1 << 20, 0));
	CHECK(posix(1, F_UNLCK, 0, 4) == 0);
	CHECK(host_can(F_WRLCK, 0, 5) && !host_can(F_WRLCK, 5, 5));
	/* An owner isn't in its own way, by whatever handle. */
	CHECK(posix(1, F_RDLCK, 0, 9) == 0);
	CHECK(posix(1, F_WRLCK, 3, 10) == -EAGAIN);
	CHECK(posix(3, F_UNLCK, 0, INT64_MAX) == 0);
	CHECK(posix(1, 7, 0, 1) == -EINVAL && posix(1, F_WRLCK, 5, 4) == -EINVAL);
	CHECK(posix(1, F_WRLCK, 0, UINT64_MAX) == -EINVAL);
	end();
}

static void who_holds_is_told(void)
{
	struct fuse_lk_out *out;

	begin(VM_FS_SHARED);
	CHECK(posix(1, F_WRLCK, 10, 19) == 0);
	CHECK(lock_by(FUSE_GETLK, fh, 2, F_WRLCK, 0, INT64_MAX, 0) == sizeof(*out));
	out = (void *)c->reply;
	CHECK(out->lk.type == F_WRLCK && out->lk.start == 10 && out->lk.end == 19);
	CHECK(lock_by(FUSE_GETLK, fh, 1, F_WRLCK, 0, INT64_MAX, 0) == sizeof(*out));
	CHECK(out->lk.type == F_UNLCK);
	CHECK(lock_by(FUSE_GETLK, fh, 2, F_WRLCK, 20, 30, 0) == sizeof(*out));
	CHECK(out->lk.type == F_UNLCK);
	end();
}

static void closing_drops_an_owners_locks(void)
{
	struct fuse_flush_in in = {.lock_owner = 1};
	uint64_t other;

	begin(VM_FS_SHARED);
	in.fh = fh;
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &other) == 0);
	CHECK(posix(1, F_WRLCK, 0, 9) == 0 && posix(2, F_WRLCK, 10, 19) == 0);
	in.fh = other; /* any descriptor of the file: as POSIX has it */
	CHECK(ask(c, FUSE_FLUSH, n, 0, PART(in), NOTHING) == 0);
	CHECK(host_can(F_WRLCK, 0, 10) && !host_can(F_WRLCK, 10, 10));
	/* The last close of a handle takes what was made by way of it. */
	CHECK(release(c, FUSE_RELEASE, n, other) == 0);
	CHECK(!host_can(F_WRLCK, 10, 10));
	CHECK(release(c, FUSE_RELEASE, n, fh) == 0);
	CHECK(host_can(F_WRLCK, 10, 10));
	end();
}

static void flocks_hold_between_handles_and_host(void)
{
	uint64_t other;

	begin(VM_FS_SHARED);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &other) == 0);
	CHECK(flock_by(FUSE_SETLK, fh, F_RDLCK) == 0);
	CHECK(flock_by(FUSE_SETLK, other, F_RDLCK) == 0);
	CHECK(flock_by(FUSE_SETLK, other, F_WRLCK) == -EAGAIN);
	CHECK(flock(host, LOCK_EX | LOCK_NB) < 0 && flock(host, LOCK_SH | LOCK_NB) == 0);
	CHECK(flock(host, LOCK_UN) == 0);
	CHECK(flock_by(FUSE_SETLK, other, F_UNLCK) == 0);
	CHECK(release(c, FUSE_RELEASE, n, fh) == 0);
	CHECK(flock(host, LOCK_EX | LOCK_NB) == 0);
	CHECK(flock_by(FUSE_SETLK, other, F_RDLCK) == -EAGAIN);
	end();
}

static void waiting_for_the_host(void)
{
	uint64_t token;

	begin(VM_FS_SHARED);
	CHECK(flock(host, LOCK_EX) == 0);
	CHECK(flock_by(FUSE_SETLKW, fh, F_WRLCK) == -EINPROGRESS);
	token = c->token;
	CHECK(fs_counts(c->fs).parked == 1);
	for (int i = 0; i < 5; i++)
		CHECK(fs_poll(c->w) > 0 && answered.count == 0);
	CHECK(flock(host, LOCK_UN) == 0);
	CHECK(poll_for(1) && answered.token == token && answer_error() == 0);
	CHECK(flock(host, LOCK_EX | LOCK_NB) < 0);
	CHECK(fs_counts(c->fs).parked == 0 && fs_poll(c->w) == -1);
	end();
}

static void waiting_for_another_owner_is_short(void)
{
	begin(VM_FS_SHARED);
	CHECK(posix(1, F_WRLCK, 0, 9) == 0);
	CHECK(lock_by(FUSE_SETLKW, fh, 2, F_WRLCK, 0, 9, 0) == -EINPROGRESS);
	for (int i = 0; i < 30; i++) { /* until it is tried seldom */
		(void)fs_poll(c->w);
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	CHECK(answered.count == 0);
	CHECK(posix(1, F_UNLCK, 0, 9) == 0);
	CHECK(fs_poll(c->w) == -1 && answered.count == 1); /* at once */
	CHECK(posix(1, F_WRLCK, 0, 9) == -EAGAIN);
	end();
}

static void interrupts_end_waiting(void)
{
	struct fuse_interrupt_in in;

	begin(VM_FS_SHARED);
	CHECK(flock(host, LOCK_EX) == 0);
	CHECK(flock_by(FUSE_SETLKW, fh, F_WRLCK) == -EINPROGRESS);
	in.unique = c->unique + 100;
	CHECK(ask(c, FUSE_INTERRUPT, 0, 0, PART(in), NOTHING) == 0);
	CHECK(answered.count == 0);
	in.unique = c->unique - 2;
	(void)ask(c, FUSE_INTERRUPT, 0, 0, PART(in), NOTHING);
	CHECK(answered.count == 1 && answer_error() == -EINTR);
	CHECK(fs_counts(c->fs).parked == 0);
	end();
}

static void waiting_ends_with_its_tree_and_session(void)
{
	struct err e = {0};

	begin(VM_FS_SHARED);
	CHECK(flock(host, LOCK_EX) == 0);
	CHECK(flock_by(FUSE_SETLKW, fh, F_WRLCK) == -EINPROGRESS);
	CHECK(fs_detach(c->fs, "t", &e) == 0);
	CHECK(answered.count == 1 && answer_error() == -ESTALE);
	end();
	begin(VM_FS_SHARED);
	CHECK(flock(host, LOCK_EX) == 0);
	CHECK(flock_by(FUSE_SETLKW, fh, F_WRLCK) == -EINPROGRESS);
	CHECK(ask(c, FUSE_DESTROY, 0, 0, NOTHING) == 0);
	CHECK(answered.count == 1);
	end();
	begin(VM_FS_SHARED);
	CHECK(flock(host, LOCK_EX) == 0);
	CHECK(flock_by(FUSE_SETLKW, fh, F_WRLCK) == -EINPROGRESS);
	fs_reset(c->fs);
	CHECK(answered.count == 0 && fs_counts(c->fs).parked == 0);
	end();
	/* And with its handle. */
	begin(VM_FS_SHARED);
	CHECK(flock(host, LOCK_EX) == 0);
	CHECK(flock_by(FUSE_SETLKW, fh, F_WRLCK) == -EINPROGRESS);
	CHECK(release(c, FUSE_RELEASE, n, fh) == 0);
	CHECK(poll_for(1) && answer_error() == -EBADF);
	end();
}

static void waiters_are_bounded(void)
{
	int last = -EINPROGRESS;
	unsigned i;

	begin(VM_FS_SHARED);
	CHECK(flock(host, LOCK_EX) == 0);
	for (i = 0; i < 100000 && last == -EINPROGRESS; i++)
		last = flock_by(FUSE_SETLKW, fh, F_WRLCK);
	CHECK(last == -ENOLCK && i > 100 && i < 10000);
	end();
}

static void owners_are_bounded_by_descriptors(void)
{
	int last = 0;
	unsigned i;

	begin(VM_FS_SHARED);
	for (i = 10; i < 100000 && last == 0; i++)
		last = posix(i, F_RDLCK, 0, 9);
	CHECK(last == -ENFILE);
	CHECK(read_at(c, n, fh, 0, 10) == 0); /* and life goes on */
	CHECK(release(c, FUSE_RELEASE, n, fh) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDWR, &fh) == 0);
	CHECK(posix(1, F_WRLCK, 0, 9) == 0);
	end();
}

/* A guest that hands a lock from one handle to another as soon as it is told: as if another
 * worker took its requests. */
static struct {
	struct client *c; /* NULL: nobody does */
	uint64_t fh[2];
	unsigned count;
} ping_pong;

static void hand_over(void)
{
	struct client *mine = ping_pong.c, *was = c;
	uint64_t has = ping_pong.fh[ping_pong.count % 2],
		 wants = ping_pong.fh[(ping_pong.count + 1) % 2];

	if (!mine || ping_pong.count++ >= 10000)
		return;
	c = mine;
	CHECK(flock_by(FUSE_SETLKW, wants, F_WRLCK) == -EINPROGRESS);
	CHECK(flock_by(FUSE_SETLK, has, F_UNLCK) == 0);
	c = was;
}

static void trying_comes_to_an_end(void)
{
	begin(VM_FS_SHARED);
	ping_pong.count = 0;
	ping_pong.fh[0] = fh;
	CHECK(open_node(c, FUSE_OPEN, n, O_RDWR, &ping_pong.fh[1]) == 0);
	CHECK(flock_by(FUSE_SETLK, ping_pong.fh[1], F_WRLCK) == 0);
	CHECK(flock_by(FUSE_SETLKW, fh, F_WRLCK) == -EINPROGRESS);
	ping_pong.c = client_new(c->fs);
	CHECK(flock_by(FUSE_SETLK, ping_pong.fh[1], F_UNLCK) == 0);
	CHECK(fs_poll(c->w) > 0); /* and the next time it goes on */
	CHECK(ping_pong.count > 1 && ping_pong.count < 10000);
	client_free(ping_pong.c);
	ping_pong.c = NULL;
	end();
}

/* Until so many are answered, or each has been tried this often. */
static unsigned poll_times(unsigned count, int times)
{
	for (int i = 0; i < times && answered.count < count; i++) {
		int ms = fs_poll(c->w);

		if (ms < 0)
			break;
		(void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
	}
	return answered.count;
}

static int wait_for(uint64_t owner, uint64_t start, uint64_t last)
{
	return lock_by(FUSE_SETLKW, fh, owner, F_WRLCK, start, last, 0);
}

static void deadlocks_are_found(void)
{
	uint64_t loser;

	begin(VM_FS_SHARED);
	CHECK(posix(1, F_WRLCK, 0, 9) == 0 && posix(2, F_WRLCK, 10, 19) == 0);
	CHECK(wait_for(1, 10, 19) == -EINPROGRESS);
	CHECK(poll_times(1, 20) == 0); /* it just waits */
	CHECK(wait_for(2, 5, 5) == -EINPROGRESS);
	CHECK(poll_times(1, 200) == 1 && answer_error() == -EDEADLK);
	/* One of them goes on, when the other has given up. */
	loser = answered.token == c->token ? 2 : 1;
	CHECK(posix(loser, F_UNLCK, 0, INT64_MAX) == 0);
	CHECK(poll_times(2, 200) == 2 && answer_error() == 0);
	end();
}

/* In a ring over two files, with one who waits for it and is no part of it. */
static void longer_deadlocks_are_found(void)
{
	uint64_t f = 0, first = 0, other = 0, other_fh = 0, token[5] = {0};

	begin(VM_FS_SHARED);
	f = n;
	first = fh;
	CHECK(create(c, top, "g", O_RDWR, 0644, &other, &other_fh) == 0);
	CHECK(posix(1, F_WRLCK, 0, 0) == 0 && posix(2, F_RDLCK, 1, 1) == 0);
	n = other;
	fh = other_fh;
	CHECK(posix(3, F_WRLCK, 0, INT64_MAX) == 0);
	CHECK(wait_for(2, 7, 7) == -EINPROGRESS);
	token[2] = c->token;
	CHECK(wait_for(4, 8, 8) == -EINPROGRESS);
	token[4] = c->token;
	n = f;
	fh = first;
	CHECK(wait_for(1, 1, 1) == -EINPROGRESS);
	token[1] = c->token;
	CHECK(poll_times(1, 30) == 0);
	CHECK(wait_for(3, 0, 0) == -EINPROGRESS);
	CHECK(poll_times(1, 200) == 1 && answer_error() == -EDEADLK);
	CHECK(answered.token != token[4] && token[1] != token[2]);
	end();
}

static void what_only_waits_is_no_deadlock(void)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};

	begin(VM_FS_SHARED);
	CHECK(fcntl(host, F_OFD_SETLK, &fl) == 0);
	CHECK(posix(1, F_WRLCK, 10, 19) == 0 && posix(2, F_RDLCK, 20, 29) == 0);
	CHECK(posix(3, F_RDLCK, 20, 29) == 0 && posix(1, F_RDLCK, 20, 29) == 0);
	CHECK(wait_for(1, 0, 9) == -EINPROGRESS);   /* for the host */
	CHECK(wait_for(2, 10, 19) == -EINPROGRESS); /* for 1 */
	CHECK(wait_for(3, 0, 19) == -EINPROGRESS);  /* for both */
	CHECK(poll_times(1, 60) == 0);
	end();
}

static void private_locks_are_the_guests(void)
{
	struct fuse_flush_in in = {.lock_owner = 1};

	begin(VM_FS_PRIVATE);
	in.fh = fh;
	CHECK(posix(1, F_WRLCK, 0, 9) == -ENOSYS);
	CHECK(flock_by(FUSE_SETLKW, fh, F_WRLCK) == -ENOSYS);
	CHECK(lock_by(FUSE_GETLK, fh, 1, F_WRLCK, 0, 9, 0) == -ENOSYS);
	CHECK(ask(c, FUSE_FLUSH, n, 0, PART(in), NOTHING) == -ENOSYS);
	end();
}

static const struct test tests[] = {
	{"POSIX locks of a shared tree hold on the host", posix_locks_hold_on_the_host},
	{"GETLK tells who is in the way", who_holds_is_told},
	{"closing drops an owner's locks, and a handle's", closing_drops_an_owners_locks},
	{"flocks hold between handles and against the host",
	 flocks_hold_between_handles_and_host},
	{"a lock that the host holds is waited for without a worker",
	 waiting_for_the_host},
	{"what another owner drops is had at once", waiting_for_another_owner_is_short},
	{"INTERRUPT ends waiting", interrupts_end_waiting},
	{"waiting ends with its tree, session and handle",
	 waiting_ends_with_its_tree_and_session},
	{"there is a bound to how many wait", waiters_are_bounded},
	{"lock owners stay within the bound of descriptors",
	 owners_are_bounded_by_descriptors},
	{"trying what waits comes to an end, however fast locks are handed over",
	 trying_comes_to_an_end},
	{"a deadlock is EDEADLK for one of two", deadlocks_are_found},
	{"a ring of three over two files is a deadlock", longer_deadlocks_are_found},
	{"who waits for the host, or for who does, is in no deadlock",
	 what_only_waits_is_no_deadlock},
	{"locks of a private tree are the guest's own", private_locks_are_the_guests},
};
TEST_MAIN(tests)
