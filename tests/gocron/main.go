// Asks robfig/cron, which the External Secrets Operator reads sync windows with, when schedules fire, and writes
// expected.json: what core/src/windows has to say too. Run it after changing the lists: `go run . expected.json`.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

type outcome struct {
	Schedule string `json:"schedule"`
	Refused  bool   `json:"refused,omitempty"`
	// By the moment from which on they are looked for: the next times, as far as there are any within five years.
	Next map[string][]string `json:"next,omitempty"`
}

var schedules = []string{
	"* * * * *", "*/15 * * * *", "0 2 * * *", "30 22 * * 1-5", "0 0 1 * *", "0 0 31 * *", "0 0 30 2 *", "0 0 29 2 *",
	"0 0 13 * 5", "0 0 */2 * 5", "0 0 * * 5", "0 0 13 * *", "0 0 ? * 5", "0 0 13 * ?", "0 0 */1 * 5", "0 0 13 * */2", "0 0 13 * */1",
	"5,10,15 8-18/2 * * *", "7/20 * * * *", "0-10/5 3 * * *", "59 23 31 12 *", "0 12 1-7 * 1",
	"0 0 * jan,JUL sun", "0 0 * Feb-Apr Mon-Wed", "15 4 * 1-3/2 SAT", "0 0 * * 0", "0 0 * * 6",
	"0 9-17 * * mon-fri", "0,30 * 1,15 * *", "1,,2 * * * *", "*-5 * * * *", "+5 4 * * *", "05 04 * * *", "  0   6  * * * ",
	"0 0 1 1 *", "0 0 28-31 2 *", "0 0 31 4,6,9,11 *", "0/59 0/23 * * *", "10-10 * * * *",
	"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly",
	"", " ", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *",
	"* * * * 7", "* * * * sun-sat/8", "* * * * sat-sun", "*/0 * * * *", "*/x * * * *", "a * * * *", "1-2-3 * * * *", "1/2/3 * * * *",
	"5- * * * *", "-5 * * * *", "10-5 * * * *", "* * * january *", "* * * * monday", "jan * * * *", "@Daily", "@daily ", "@every", "@every x",
	"@reboot", "@every 0.5.5s", "* * L * *", "* * 15W * *", "* * * * 5#3", "1.5 * * * *", "*/99 * * * *", "3/99 5 * * *",
}

var starts = []string{
	"2024-02-28T23:59:30Z", "2024-02-29T12:00:00Z", "2025-12-31T23:59:59.999Z", "2026-07-15T02:00:00Z", "1999-11-05T00:00:00Z",
}

const timesEach = 4

func main() {
	var all []outcome
	for _, schedule := range schedules {
		one := outcome{Schedule: schedule}
		parsed, err := cron.ParseStandard(schedule)
		if err != nil {
			one.Refused = true
			all = append(all, one)
			continue
		}
		one.Next = map[string][]string{}
		for _, start := range starts {
			at, err := time.Parse(time.RFC3339Nano, start)
			if err != nil {
				log.Fatal(err)
			}
			times := []string{}
			for range timesEach {
				at = parsed.Next(at)
				if at.IsZero() {
					break
				}
				times = append(times, at.Format(time.RFC3339))
			}
			one.Next[start] = times
		}
		all = append(all, one)
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(all); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[1], []byte(text.String()), 0o644); err != nil {
		log.Fatal(err)
	}
}
