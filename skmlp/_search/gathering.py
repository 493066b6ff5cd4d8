"""One search: its calls run in threads, and its fits meet where training begins.

Each fit comes as far as training by itself, through all that stands in front of it, and waits
there; when all have come, those of one network shape are trained as a stack, and each resumes
with its own result. Nothing of scikit-learn's search has to be written a second time, and a
fit that fails fails alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from joblib import cpu_count

from skmlp._engine.fit import Fit
from skmlp._engine.fitted import FittedNetwork
from skmlp._search.bar import SearchBar
from skmlp._search.calls import SearchCall, Task
from skmlp._search.halving import PausedFits, key_of
from skmlp._search.meeting import Meeting, Processors, Turns
from skmlp._search.stack_trainer import ReadyFit, StackTrainer
from skmlp._training.first_weights import Given
from skmlp._training.job import Job
from skmlp._training.train import train_alone, trained_by


class Gathering:
    """The fits of a search, of which `width` are under way at the same time.

    No more than `n_workers` threads, nor more than there are processors, compute while the
    others wait.
    """

    def __init__(
        self,
        width: int,
        n_workers: int,
        *,
        backend: Any = None,
        paused: PausedFits | None = None,
        bar: SearchBar | None = None,
    ) -> None:
        self.width = width
        self.trainer = StackTrainer(n_workers, backend, bar)
        self._processors = Processors(min(n_workers, cpu_count()))
        self._paused = paused
        self._bar = bar
        # Of the round: calls that break off may have sent fits that never begin.
        self._meeting: Meeting[ReadyFit, FittedNetwork] | None = None
        self._turns, self._n_sent = Turns(), 0

    def end_round(self) -> None:
        """Let the next fit begin another round."""
        self._close_meeting()
        self._meeting = None

    def attending(
        self, call: SearchCall | None, function: Callable[[], list]
    ) -> Callable[[], list]:
        """The function, to be run in a thread; as one of the round's fits if it is one."""
        if call is None:
            return partial(self._run_alone, function)
        if self._meeting is None:
            self._meeting = self._new_round(call)
        return self._numbered(self._meeting, call, function)

    def begin_sending(self) -> None:
        """Begin a round of fits whose number is known once `end_sending` is called."""
        self.end_round()
        self._meeting = self._new_meeting(1)

    def sent(self, function: Callable[[], list]) -> Callable[[], list]:
        """One more function of the round, to be run in a thread."""
        assert self._meeting is not None
        self._meeting.expect(1)
        call = SearchCall(Task(self._n_sent, 0), 1, 1, {})
        return self._numbered(self._meeting, call, function)

    def end_sending(self) -> None:
        """Let the fits of the round be trained."""
        assert self._meeting is not None
        self._meeting.expect(-1)

    def close(self) -> None:
        """Cancel all fits that have not ended, and wait until they have."""
        self._close_meeting()
        if self._bar:
            self._bar.close()

    def _close_meeting(self) -> None:
        if self._meeting:
            self._meeting.close()
            self._turns.end()  # the meeting sends away whoever waited for a turn

    def _new_round(self, call: SearchCall) -> Meeting[ReadyFit, FittedNetwork]:
        n_fits = call.n_candidates * call.n_folds
        if self._paused:
            self._paused.next_round()
        if self._bar:
            self._bar.expect(n_fits, call.n_folds)
        return self._new_meeting(n_fits)

    def _new_meeting(self, n_fits: int) -> Meeting[ReadyFit, FittedNetwork]:
        """A meeting, in which fits begin in order: with one worker they draw from NumPy's
        generator in the order of a loop.
        """
        self._turns, self._n_sent = Turns(), 0
        return Meeting(self.trainer.train, n_fits, self.width)

    def _numbered(
        self,
        meeting: Meeting[ReadyFit, FittedNetwork],
        call: SearchCall,
        function: Callable[[], list],
    ) -> Callable[[], list]:
        """The function as the next fit of the meeting."""
        number, self._n_sent = self._n_sent, self._n_sent + 1
        turn = self._turns.taken(number)
        return partial(self._run, turn, meeting, call, function)

    def _run(
        self,
        turn: AbstractContextManager[Callable[[], None]],
        meeting: Meeting[ReadyFit, FittedNetwork],
        call: SearchCall,
        function: Callable[[], list],
    ) -> list:
        with turn as pass_on, meeting.attend():
            with self._processors.held(), trained_by(partial(self._train, meeting, call)):
                pass_on()
                result = function()
            if self._bar:
                self._bar.finished(call.task, result[0])
        return result

    def _train(
        self,
        meeting: Meeting[ReadyFit, FittedNetwork],
        call: SearchCall,
        job: Job,
        fit: Fit,
    ) -> FittedNetwork:
        """Train a fit with all others, from where the last round left it."""
        key = None
        if self._paused and not fit.watchers and not isinstance(job.first, Given):
            key = key_of(call.task.fold, fit)
        network = None
        if self._paused and key is not None:
            network = self._paused.resume(key, call.parameters, fit)
        if network is None:
            with self._processors.given_back():
                network = meeting.arrive(ReadyFit(call.task, job, fit))
        if self._paused and key is not None:
            self._paused.keep(key, call.parameters, network)
        return network

    def _run_alone(self, function: Callable[[], list]) -> list:
        """Run a call that is no fit of the search; perhaps it trains networks of its own."""
        with trained_by(self._train_alone):
            return function()

    def _train_alone(self, job: Job, fit: Fit) -> FittedNetwork:
        with self._processors.held():
            return train_alone(job, fit)
