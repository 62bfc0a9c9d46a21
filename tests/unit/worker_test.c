/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/worker.h"

#include "tests/unit/tap.h"
#include "tests/unit/usage.h"

struct job {
	struct worker_pool *pool;
	struct worker_source *source;
	int fd;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned calls, inside, most; /* most at the same time */
	unsigned together;            /* each waits for so many */
	bool hold;                    /* none returns */
	_Atomic unsigned again;
};

static void do_job(void *arg)
{
	struct job *j = arg;

	pthread_mutex_lock(&j->lock);
	j->calls++;
	j->inside++;
	if (j->inside > j->most)
		j->most = j->inside;
	if (j->inside < j->together)
		worker_share(j->source);
	pthread_cond_broadcast(&j->changed);
	while (j->most < j->together || j->hold)
		pthread_cond_wait(&j->changed, &j->lock);
	j->inside--;
	pthread_mutex_unlock(&j->lock);
	if (j->again) {
		j->again--;
		worker_again(j->source);
	}
}

static void begin_job(struct job *j, struct worker_pool *p)
{
	struct err e = {0};

	*j = (struct job){.pool = p, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	(void)pthread_mutex_init(&j->lock, NULL);
	(void)pthread_cond_init(&j->changed, NULL);
	CHECK(worker_source_new(p, j->fd, do_job, j, &j->source, &e) == 0);
}

static void begin(struct job *j, unsigned threads)
{
	struct worker_pool *p = NULL;
	struct err e = {0};

	CHECK(worker_pool_new(&p, &e) == 0);
	CHECK(worker_pool_start(p, threads, NULL, NULL, &e) == 0);
	begin_job(j, p);
}

static void end_job(struct job *j)
{
	worker_source_free(j->source);
	fd_close(&j->fd);
	(void)pthread_cond_destroy(&j->changed);
	(void)pthread_mutex_destroy(&j->lock);
}

static void end(struct job *j)
{
	end_job(j);
	worker_pool_free(j->pool);
}

static void signal_job(struct job *j)
{
	uint64_t one = 1;

	CHECK(write(j->fd, &one, sizeof(one)) == sizeof(one));
}

static bool wait_for(struct job *j, unsigned calls, unsigned inside)
{
	struct timespec t;
	int r = 0;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 10;
	pthread_mutex_lock(&j->lock);
	while (r == 0 && (j->calls < calls || j->inside < inside))
		r = pthread_cond_timedwait(&j->changed, &j->lock, &t);
	pthread_mutex_unlock(&j->lock);
	return r == 0;
}

static void release(struct job *j)
{
	pthread_mutex_lock(&j->lock);
	j->hold = false;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->lock);
}

static void written_eventfd_calls(void)
{
	struct job j;

	begin(&j, 2);
	worker_start(j.source); /* which calls once */
	CHECK(wait_for(&j, 1, 0));
	for (unsigned i = 2; i < 100; i++) {
		signal_job(&j);
		CHECK(wait_for(&j, i, 0));
	}
	end(&j);
}

static void stopped_source_is_not_called(void)
{
	struct job j;
	unsigned calls;

	begin(&j, 2);
	signal_job(&j); /* not started yet */
	worker_start(j.source);
	CHECK(wait_for(&j, 1, 0));
	worker_stop(j.source);
	CHECK(worker_stopping(j.source));
	calls = j.calls; /* nobody is in it: no lock needed */
	for (int i = 0; i < 100; i++)
		signal_job(&j);
	worker_start(j.source);
	CHECK(!worker_stopping(j.source));
	CHECK(wait_for(&j, calls + 1, 0));
	worker_stop(j.source);
	worker_stop(j.source);
	worker_stop(NULL);
	end(&j);
}

static void *stop(void *arg)
{
	worker_stop(((struct job *)arg)->source);
	return NULL;
}

static void stop_waits_for_who_is_inside(void)
{
	pthread_t thread;
	struct job j;

	begin(&j, 2);
	j.hold = true;
	worker_start(j.source);
	CHECK(wait_for(&j, 1, 1));
	CHECK(pthread_create(&thread, NULL, stop, &j) == 0);
	while (!worker_stopping(j.source))
		(void)sched_yield();
	CHECK(pthread_tryjoin_np(thread, NULL) == EBUSY);
	release(&j);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(j.inside == 0);
	end(&j);
}

static void shared_work_has_helpers(void)
{
	struct job j;

	begin(&j, 4);
	j.together = 4;
	worker_start(j.source);
	CHECK(wait_for(&j, 4, 0) && j.most == 4);
	end(&j);
}

static void one_source_does_not_keep_another_waiting(void)
{
	struct job a, b;

	begin(&a, 2);
	begin_job(&b, a.pool);
	a.hold = true;
	worker_start(a.source);
	CHECK(wait_for(&a, 1, 1));
	worker_start(b.source);
	CHECK(wait_for(&b, 1, 0));
	worker_stop(b.source);
	release(&a);
	worker_stop(a.source);
	a.again = 5;
	worker_start(a.source);
	CHECK(wait_for(&a, 7, 0));
	end_job(&b);
	end(&a);
}

struct entering {
	_Atomic unsigned count;
	unsigned bad;
	_Atomic unsigned blocked;
};

static int enter(void *arg, struct err *e)
{
	struct entering *n = arg;
	unsigned i = ++n->count;
	sigset_t s;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &s);
	n->blocked += sigismember(&s, SIGTERM) == 1;
	return i == n->bad ? err_set(e, EPERM, "no jail for number %u", i) : 0;
}

static void every_thread_enters_first(void)
{
	struct entering n = {0};
	struct worker_pool *p = NULL;
	struct err e = {0};
	sigset_t s;

	CHECK(worker_pool_new(&p, &e) == 0);
	CHECK(worker_pool_start(p, 3, enter, &n, &e) == 0 && n.count == 3);
	CHECK(n.blocked == 3);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &s);
	CHECK(sigismember(&s, SIGTERM) == 0);
	worker_pool_free(p);
}

static void failing_to_enter_ends_all(void)
{
	unsigned threads = count_threads();
	struct entering n = {.bad = 2};
	struct worker_pool *p = NULL;
	struct err e = {0};

	CHECK(worker_pool_new(&p, &e) == 0);
	CHECK(worker_pool_start(p, 3, enter, &n, &e) == -EPERM);
	CHECK_STR(e.text, "no jail for number 2");
	CHECK(count_threads() == threads);
	worker_pool_free(p);
	CHECK(worker_pool_new(&p, &e) == 0);
	CHECK(worker_pool_start(p, WORKER_THREADS_MAX + 1, NULL, NULL, &e) == -EINVAL);
	worker_pool_free(p);
}

static void more_sources_than_places_are_refused(void)
{
	struct worker_source *s[40] = {NULL};
	struct worker_pool *p = NULL;
	struct err e = {0};
	int fd[40], n = 0;

	CHECK(worker_pool_new(&p, &e) == 0);
	for (; n < 39; n++) {
		fd[n] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (worker_source_new(p, fd[n], do_job, NULL, &s[n], &e) < 0)
			break;
	}
	CHECK(n < 39 && e.code == ENOSPC);
	worker_source_free(s[3]);
	CHECK(worker_source_new(p, fd[n], do_job, NULL, &s[3], &e) == 0);
	CHECK(worker_source_new(p, fd[n], do_job, NULL, &s[n], &e) < 0);
	for (int i = 0; i <= n; i++) {
		worker_source_free(s[i]);
		fd_close(&fd[i]);
	}
	CHECK(worker_source_new(p, -1, do_job, NULL, &s[0], &e) == -EBADF);
	worker_pool_free(p);
}

static void nothing_is_left(void)
{
	unsigned fds = count_fds(), threads = count_threads();
	struct job j;

	for (int i = 0; i < 100; i++) {
		begin(&j, 4);
		worker_start(j.source);
		end(&j);
	}
	CHECK(count_fds() == fds && count_threads() == threads);
	worker_pool_free(NULL);
	worker_source_free(NULL);
}

static void *signal_a_lot(void *arg)
{
	for (int i = 0; i < 20000; i++)
		signal_job(arg);
	return NULL;
}

static void stops_and_starts_may_come_in_storms(void)
{
	pthread_t thread;
	struct job j;

	begin(&j, 4);
	CHECK(pthread_create(&thread, NULL, signal_a_lot, &j) == 0);
	for (int i = 0; i < 2000; i++) {
		worker_start(j.source);
		worker_stop(j.source);
		CHECK(j.inside == 0);
	}
	(void)pthread_join(thread, NULL);
	end(&j);
}

static const struct test tests[] = {
	{"an eventfd that is written calls its function", written_eventfd_calls},
	{"a stopped source isn't called, a started one is once",
	 stopped_source_is_not_called},
	{"stopping waits for threads that are inside", stop_waits_for_who_is_inside},
	{"work that is shared has helpers", shared_work_has_helpers},
	{"one source doesn't keep another waiting",
	 one_source_does_not_keep_another_waiting},
	{"every thread enters first, with signals blocked", every_thread_enters_first},
	{"a thread that fails to enter ends all", failing_to_enter_ends_all},
	{"more sources than there are places are refused",
	 more_sources_than_places_are_refused},
	{"no thread and no descriptor is left", nothing_is_left},
	{"stops and starts may come in storms", stops_and_starts_may_come_in_storms},
};

TEST_MAIN(tests)
