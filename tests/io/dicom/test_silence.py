import logging
import threading
import warnings

from cipa.io.dicom.silence import quiet


def test_threads_that_overlap_leave_warnings_and_logs_as_they_were():
    filters, level = list(warnings.filters), logging.getLogger("pydicom").level
    first_is_in, second_is_in, first_is_out = (threading.Event() for _ in range(3))
    muted = []

    def first():
        with quiet():
            first_is_in.set()
            second_is_in.wait(5)
        first_is_out.set()

    def second():
        first_is_in.wait(5)
        with quiet():
            second_is_in.set()
            first_is_out.wait(5)
            muted.append(logging.getLogger("pydicom").level > logging.CRITICAL)

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert muted == [True]
    assert list(warnings.filters) == filters
    assert logging.getLogger("pydicom").level == level
