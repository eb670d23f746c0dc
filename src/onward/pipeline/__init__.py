"""Blocks of a net spread over processes: activities go forward, nothing comes back."""

from onward.pipeline.gathering import gather as gather
from onward.pipeline.partition import Partition as Partition
from onward.pipeline.partition import balanced as balanced
from onward.pipeline.partition import even as even
from onward.pipeline.ranks import Ranks as Ranks
from onward.pipeline.ranks import joined as joined
from onward.pipeline.run import fit as fit
from onward.pipeline.threads import fit_in_threads as fit_in_threads
from onward.pipeline.watch import RankLost as RankLost
