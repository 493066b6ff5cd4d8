"""Threads that meet, with a handler that trains nothing."""

import random
import subprocess
import sys
import threading
import time
from multiprocessing.pool import ThreadPool

import pytest

from skmlp._search.meeting import Meeting, Processors, SearchEndedError, Turns

TIMEOUT = 30  # seconds


class Squares:
    """A handler that squares numbers, and records which numbers it got together."""

    def __init__(self):
        self.batches = []

    def __call__(self, arrivals, is_open):
        self.batches.append([arrival.item for arrival in arrivals])
        for arrival in arrivals:
            arrival.set_result(arrival.item**2)


def attend(meeting, *items):
    """Attend with these items one after another; returns their results."""
    with meeting.attend():
        return [meeting.arrive(item) for item in items]


class Attendants(ThreadPool):
    """Threads that attend a meeting; daemons, in case one waits forever."""

    def submit(self, function, *args):
        return self.apply_async(function, args)

    def send(self, meeting, *items):
        return self.submit(attend, meeting, *items)


def outcome(sent):
    """A thread's result, or the type of its error."""
    try:
        return sent.get(TIMEOUT)
    except Exception as error:
        return type(error)


def outcomes(sent):
    return [outcome(one) for one in sent]


def wait_until(condition):
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_all_arrive_and_are_handled_together():
    handle = Squares()
    meeting = Meeting(handle, 5, 5)
    with Attendants(5) as threads:
        results = outcomes([threads.send(meeting, i) for i in range(5)])
    assert results == [[i**2] for i in range(5)]
    assert [sorted(batch) for batch in handle.batches] == [[0, 1, 2, 3, 4]]


def test_some_leave_without_arriving():
    handle = Squares()
    meeting = Meeting(handle, 5, 5)
    with Attendants(5) as threads:
        arrived = [threads.send(meeting, i) for i in range(3)]
        wait_until(lambda: len(meeting._waiting) == 3)
        assert not handle.batches
        gone = [threads.send(meeting) for _ in range(2)]
        assert outcomes([*arrived, *gone]) == [[0], [1], [4], [], []]
    assert [sorted(batch) for batch in handle.batches] == [[0, 1, 2]]


def test_one_fails_on_its_way():
    def failing():
        with meeting.attend():
            raise ValueError

    meeting = Meeting(Squares(), 3, 3)
    with Attendants(3) as threads:
        sent = [threads.send(meeting, 2), threads.submit(failing), threads.send(meeting, 3)]
        assert outcomes(sent) == [[4], ValueError, [9]]


def test_all_leave():
    handle = Squares()
    meeting = Meeting(handle, 2, 2)
    with Attendants(2) as threads:
        assert outcomes([threads.send(meeting) for _ in range(2)]) == [[], []]
    assert not handle.batches


def test_a_fit_that_fails_fails_alone():
    def handle(arrivals, is_open):
        for arrival in arrivals:
            if arrival.item == 1:
                arrival.set_exception(ValueError())
            else:
                arrival.set_result(arrival.item)

    meeting = Meeting(handle, 3, 3)
    with Attendants(3) as threads:
        sent = [threads.send(meeting, i) for i in range(3)]
        assert outcomes(sent) == [[0], ValueError, [2]]


def test_an_error_of_the_handler_goes_to_all_without_a_result():
    def handle(arrivals, is_open):
        arrivals[0].set_result("handled")
        raise MemoryError

    meeting = Meeting(handle, 4, 4)
    with Attendants(4) as threads:
        results = outcomes([threads.send(meeting, i) for i in range(4)])
    assert results.count(["handled"]) == 1
    assert results.count(MemoryError) == 3


def test_an_attendant_resumes_as_soon_as_its_own_result_is_there():
    rest = threading.Event()

    def handle(arrivals, is_open):
        for arrival in sorted(arrivals, key=lambda arrival: arrival.item):
            arrival.set_result(arrival.item)
            if arrival.item == 0:
                assert rest.wait(TIMEOUT)

    meeting = Meeting(handle, 3, 3)
    with Attendants(3) as threads:
        # The last to arrive handles all items, so it is not the first to resume.
        first = threads.send(meeting, 0)
        wait_until(lambda: len(meeting._waiting) == 1)
        others = [threads.send(meeting, i) for i in (1, 2)]
        assert outcomes([first]) == [[0]]
        assert not any(other.ready() for other in others)
        rest.set()
        assert outcomes(others) == [[1], [2]]


def test_closing_cancels_those_who_wait_and_those_who_come_later():
    handle = Squares()
    meeting = Meeting(handle, 4, 4)
    with Attendants(4) as threads:
        sent = [threads.send(meeting, i) for i in range(3)]
        wait_until(lambda: len(meeting._waiting) == 3)
        meeting.close()
        assert meeting._n_present == 0
        assert outcomes(sent) == [SearchEndedError] * 3
        assert outcomes([threads.send(meeting, 3), threads.send(meeting)]) == [
            SearchEndedError,
            SearchEndedError,
        ]
    assert not handle.batches


def test_closing_waits_for_those_who_compute():
    computing, rest = threading.Event(), threading.Event()

    def late():
        with meeting.attend():
            computing.set()
            assert rest.wait(TIMEOUT)
            return meeting.arrive(1)

    meeting = Meeting(Squares(), 2, 2)
    with Attendants(2) as threads:
        sent = threads.submit(late)
        assert computing.wait(TIMEOUT)
        closing = threads.submit(meeting.close)
        wait_until(lambda: meeting._is_closed)
        assert not closing.ready()
        rest.set()
        closing.get(TIMEOUT)
        assert outcomes([sent]) == [SearchEndedError]


@pytest.mark.parametrize("is_told", [True, False])
def test_closing_while_items_are_handled_tells_the_handler(is_told):
    handling = threading.Event()

    def handle(arrivals, is_open):
        handling.set()
        wait_until(lambda: not is_open())
        if not is_told:  # its work may have ended anyway
            arrivals[0].set_result("handled")

    meeting = Meeting(handle, 2, 2)
    with Attendants(2) as threads:
        sent = [threads.send(meeting, i) for i in range(2)]
        assert handling.wait(TIMEOUT)
        meeting.close()
        results = outcomes(sent)
    assert results.count(["handled"]) == (not is_told)
    assert results.count(SearchEndedError) == 1 + is_told


@pytest.mark.parametrize("width", [1, 2, 3, 9])
def test_no_more_than_the_width_are_waited_for(width):
    handle = Squares()
    meeting = Meeting(handle, 5, width)
    with Attendants(width) as threads:
        assert outcomes([threads.send(meeting, i) for i in range(5)]) == [
            [i**2] for i in range(5)
        ]
    sizes = [len(batch) for batch in handle.batches]
    assert sizes[0] == min(width, 5)
    assert max(sizes) <= width
    assert sum(sizes) == 5


def test_two_rounds_of_the_same_attendants():
    handle = Squares()
    meeting = Meeting(handle, 3, 3)
    with Attendants(3) as threads:
        sent = [threads.send(meeting, i, 10 + i) for i in range(3)]
        assert outcomes(sent) == [[0, 100], [1, 121], [4, 144]]
    assert [sorted(batch) for batch in handle.batches] == [[0, 1, 2], [10, 11, 12]]


def test_those_who_have_ended_are_not_waited_for_in_the_second_round():
    handle = Squares()
    meeting = Meeting(handle, 3, 3)
    with Attendants(3) as threads:
        sent = [threads.send(meeting, *items) for items in ([1], [2, 3], [4, 5, 6])]
        assert outcomes(sent) == [[1], [4, 9], [16, 25, 36]]
    assert [sorted(batch) for batch in handle.batches] == [[1, 2, 4], [3, 5], [6]]


@pytest.mark.parametrize("seed", range(40))
def test_random_interleavings_end(seed):
    """Attendants bring zero to three items, may fail, and the meeting may be closed."""
    draw = random.Random(seed)
    n_attendants, width = draw.randint(1, 24), draw.randint(1, 8)
    n_failing, closes = draw.choice([0, 1, 3]), draw.random() < 0.3
    plans = [
        [(draw.random() / 500, draw.randrange(100)) for _ in range(draw.randint(0, 3))]
        for _ in range(n_attendants)
    ]
    handling = threading.Lock()

    def handle(arrivals, is_open):
        assert handling.acquire(blocking=False)  # one batch at a time
        assert 0 < len(arrivals) <= width
        time.sleep(0.001)
        for arrival in arrivals:
            if arrival.item < n_failing:
                arrival.set_exception(ValueError())
            else:
                arrival.set_result(arrival.item + 1)
        handling.release()

    def follow(plan):
        with meeting.attend():
            results = []
            for pause, item in plan:
                time.sleep(pause)
                results.append(meeting.arrive(item))
            return results

    meeting = Meeting(handle, n_attendants, width)
    with Attendants(width) as threads:
        sent = [threads.submit(follow, plan) for plan in plans]
        if closes:
            time.sleep(draw.random() / 100)
            meeting.close()
        results = outcomes(sent)
    for plan, result in zip(plans, results, strict=True):
        items = [item for _, item in plan]
        if result is ValueError:
            assert min(items) < n_failing
        elif result is SearchEndedError:
            assert closes
        else:
            assert result == [item + 1 for item in items]
    assert meeting._n_present == 0
    assert closes or meeting._n_remaining == 0


def test_no_more_threads_compute_than_there_are_processors():
    processors, meeting = Processors(2), Meeting(Squares(), 6, 6)
    computing, most, lock = 0, 0, threading.Lock()

    def compute():
        nonlocal computing, most
        with lock:
            computing += 1
            most = max(most, computing)
        time.sleep(0.005)
        with lock:
            computing -= 1

    def run(i):
        with meeting.attend(), processors.held():
            compute()
            with processors.given_back():
                square = meeting.arrive(i)
            compute()
            return square

    with Attendants(6) as threads:
        sent = [threads.submit(run, i) for i in range(6)]
        assert outcomes(sent) == [0, 1, 4, 9, 16, 25]
    assert most == 2


def test_threads_begin_in_the_order_of_their_numbers():
    turns, begun = Turns(), []

    def run(number):
        if number == 1:
            fails = turns.taken(number)
            with pytest.raises(KeyError), fails:
                raise KeyError
            return
        with turns.taken(number) as pass_on:
            begun.append(number)
            pass_on()
            time.sleep(0.001)

    with ThreadPool(5) as threads:
        sent = [threads.apply_async(run, (number,)) for number in (4, 2, 3, 1)]
        time.sleep(0.02)
        assert begun == []
        run(0)
        for one in sent:
            one.get(5)
    assert begun == [0, 2, 3, 4]


def test_meeting_needs_no_tensorflow():
    script = (
        "import sys, skmlp._search.meeting\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
        "assert 'skmlp._program.program' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_attendants_may_be_announced_one_by_one():
    squares = Squares()
    meeting = Meeting(squares, 1, 10)  # the one that announces them
    with Attendants(3) as attendants:
        sent = []
        for item in range(3):
            meeting.expect(1)
            sent.append(attendants.send(meeting, item))
        wait_until(lambda: len(meeting._waiting) == 3)
        assert squares.batches == []
        meeting.expect(-1)
        assert outcomes(sent) == [[0], [1], [4]]
    assert sorted(squares.batches[0]) == [0, 1, 2]


def test_nobody_waits_for_a_turn_once_they_have_ended():
    """The fits of a search that breaks off may be sent and never begin."""
    turns = Turns()
    with ThreadPool(1) as pool:
        begun = pool.apply_async(turns.taken(1).__enter__)
        wait_until(lambda: 1 in turns._turns)
        assert not begun.ready()
        turns.end()
        begun.get(timeout=10)
    with turns.taken(5):
        pass
