# The first process of a native demo machine: accepts its SSH connections in the host's network, and has them served in the
# machine's own. A listening socket stays in the network in which it was made, whichever process accepts from it.
#   perl machine-listen.pl listen ADDRESS PORT COMMAND...   opens the socket and becomes COMMAND, which calls, as the last:
#   perl machine-listen.pl serve FD                         an `sshd -i` for each connection, without end
use strict;
use warnings;
use POSIX qw(:errno_h :sys_wait_h dup2);
use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6 AF_INET6);

# sshd's MaxStartups has no effect here, since each of these serves one connection.
my $most = 400;

sub open_socket {
  my ($address, $port) = @_;
  my $six = $address =~ /:/;
  socket(my $socket, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
  setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) or die "setsockopt: $!\n";
  my $ip = inet_pton($six ? AF_INET6 : AF_INET, $address eq 'localhost' ? '127.0.0.1' : $address) or die "not an address: $address\n";
  bind($socket, $six ? pack_sockaddr_in6($port, $ip) : pack_sockaddr_in($port, $ip)) or die "bind to $address port $port: $!\n";
  listen($socket, 1024) or die "listen: $!\n";
  return $socket;
}

sub serve {
  my ($listener) = @_;
  my %sessions;
  $SIG{CHLD} = sub { }; # interrupts the wait below
  while (1) {
    # It also inherits orphans.
    while ((my $pid = waitpid(-1, WNOHANG)) > 0) { delete $sessions{$pid} }
    my $ready = '';
    vec($ready, fileno($listener), 1) = 1 if keys %sessions < $most;
    next unless select($ready, undef, undef, 1) > 0;
    my $peer = accept(my $connection, $listener) or next;
    my $pid = fork;
    next unless defined $pid; # no room for one more: this client is disconnected
    if ($pid) { $sessions{$pid} = 1; next }
    close $listener;
    $SIG{CHLD} = 'DEFAULT';
    dup2(fileno($connection), $_) for 0, 1;
    exec '/usr/sbin/sshd', '-i', '-e' or POSIX::_exit(127);
  }
}

my ($verb, @rest) = @ARGV;
if ($verb eq 'listen') {
  $^F = 1000; # the socket outlives the exec
  my $socket = open_socket(splice @rest, 0, 2);
  exec @rest, fileno($socket) or die "$rest[0]: $!\n";
}
open(my $listener, '+<&=', $rest[0]) or die "no socket: $!\n";
POSIX::close(7); # this file, which the machine no longer needs
print STDERR "Server listening on socket $rest[0].\n"; # machine.sh waits for that
serve($listener);
