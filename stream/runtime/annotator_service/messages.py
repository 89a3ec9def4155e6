"""The messages between the chains and the process that holds their annotator (``stream.pipeline.codec``)."""

from dataclasses import dataclass
from typing import Final, TypeAlias, get_args

from models.annotators.annotator import (
    AnnotationAnswer,
    AnnotationFailure,
    AnnotationRequest,
    AnnotationResponse,
    RequestFrame,
)
from stream.pipeline.codec import Codec
from stream.runtime.services.messages import Goodbye, Hello, ServiceReady, ServiceReply


@dataclass(frozen=True, slots=True)
class DescribeRequest:
    """Describe segments."""

    request: int
    segments: list[AnnotationRequest]
    is_alone: bool
    """Whether no segment of another chain may be in its batch: the process has exited at one of them before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatorReady(ServiceReady):
    """The annotator is loaded; the answer to ``Hello``."""

    batch_max: int
    """Most segments in a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeBegun(ServiceReply):
    """The annotator works on a request from now on: if the process exits, one of its segments may be the cause."""

    request: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Described(ServiceReply):
    """The response for one segment of a request."""

    request: int
    response: AnnotationResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeEnded(ServiceReply):
    """A request has had all responses that it will get."""

    request: int
    failure: str
    """Why the annotator failed at it; empty if it did not."""


DescribeMessage: TypeAlias = Hello | Goodbye | DescribeRequest
DescribeReply: TypeAlias = AnnotatorReady | DescribeBegun | Described | DescribeEnded

REQUESTS: Final[Codec[DescribeMessage]] = Codec(
    *get_args(DescribeMessage), nested=(AnnotationRequest, RequestFrame), header_bytes_max=2**20
)
REPLIES: Final[Codec[DescribeReply]] = Codec(
    *get_args(DescribeReply), nested=(AnnotationAnswer, AnnotationFailure), header_bytes_max=2**20
)
